"""What Ray's nodes are: which of them answer, and the accelerators that they declare."""

from __future__ import annotations

from typing import Any

ACCELERATOR = "accelerator_type:"
"""How Ray begins the name of the resource that says which accelerators a node has."""


def living_nodes() -> list[Any]:
    """Ray's nodes that answer its head, as Ray describes them."""
    import ray

    nodes: Any = ray.nodes
    return [node for node in nodes() if node["Alive"]]


def declared_accelerators(node: str = "") -> list[str]:
    """Types of accelerator that Ray's living nodes declare, or one of them."""
    names = {name for n in living_nodes() if node in ("", n["NodeID"]) for name in n["Resources"]}
    return sorted(name.removeprefix(ACCELERATOR) for name in names if name.startswith(ACCELERATOR))
