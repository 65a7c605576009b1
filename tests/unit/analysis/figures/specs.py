"""Reading of Vega-Lite specs, for the tests of charts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def marks(spec: dict[str, Any], data: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Every layer with a mark, with its own or its parent's data."""
    data = spec.get("data", data)
    if "mark" in spec:
        yield {**spec, "data": data}
    for key in ("layer", "hconcat", "vconcat"):
        for child in spec.get(key, []):
            yield from marks(child, data)


def rows_of(spec: dict[str, Any], kind: str, style: str | None = None) -> list[dict[str, Any]]:
    """Data rows of the layers of one mark type (and style)."""
    found = []
    for layer in marks(spec):
        if layer["mark"]["type"] == kind and (style is None or layer["mark"].get("style") == style):
            found += data_of(spec, layer)
    return found


def data_of(spec: dict[str, Any], layer: dict[str, Any]) -> list[dict[str, Any]]:
    """Data rows of one layer of a spec."""
    data = layer["data"]
    rows: list[dict[str, Any]] = data["values"] if "values" in data else spec["datasets"][data["name"]]
    return rows


def legends(spec: dict[str, Any]) -> set[str]:
    """Titles of the legends of a spec."""
    found = set()
    for layer in marks(spec):
        for channel in ("color", "shape", "strokeDash", "opacity"):
            encoding = layer.get("encoding", {}).get(channel, {})
            if "field" in encoding and encoding.get("legend", {}) is not None:
                found.add(encoding.get("title") or encoding.get("legend", {}).get("title"))
    return found


def notes(spec: dict[str, Any]) -> str:
    """The sentences below a title, unwrapped."""
    return " ".join(spec["title"]["subtitle"])


def domain(spec: dict[str, Any], channel: str) -> list[float]:
    """The domain of a channel of the first layer that has it."""
    found: list[float] = next(
        layer["encoding"][channel]["scale"]["domain"] for layer in marks(spec) if channel in layer["encoding"]
    )
    return found
