"""Draws docs/images/architecture.svg from the imports of the code itself: python docs/architecture.py [--check]."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DRAWING = ROOT / "docs" / "images" / "architecture.svg"
ROWS = (("orchestrator", "sweeps"), ("model", "analysis"), ("tokenizer",))
"""Packages as they are drawn."""
FLOORS = {"orchestrator": 4, "sweeps": 3, "model": 2, "analysis": 2, "tokenizer": 1}
"""A module imports only from lower floors, and of its own floor only from its own package."""
STORY = {
    "tokenizer": "text → token shards",
    "model": "token shards → one loss",
    "analysis": "losses → laws → answers",
    "sweeps": "YAML → a plan of runs",
    "orchestrator": "a plan → results; command line, REST and page",
}
WIDTH, MARGIN, GAP, ROOM, ROW, HEAD = 1100, 16, 14, 26, 56, 62
GLYPH = 7.1
"""Width of a character of a room's name."""


@dataclass(frozen=True)
class Room:
    """A folder or module directly inside a package, with its place in the drawing."""

    name: str
    x: float
    y: float
    width: float


def modules(package: str) -> Iterator[tuple[str, Path]]:
    """Dotted names and files of a package's modules."""
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def room_of(module: str) -> str:
    """The room of a module: the part of its name after the package."""
    return module.split(".")[1] if "." in module else ""


def arrows(package: str) -> dict[str, set[str]]:
    """Which rooms of a package each of its rooms imports, a function's imports included."""
    found: dict[str, set[str]] = {}
    for name, path in modules(package):
        room = room_of(name)
        if room in ("", "conf", "__main__"):
            continue
        used = found.setdefault(room, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                used |= {room_of(each) for each in names if each.startswith(f"{package}.")}
    return {room: (used & found.keys()) - {room} for room, used in found.items()}


def heights(graph: Mapping[str, set[str]]) -> dict[str, int]:
    """The floor of each room: 0 where it imports none, else one above the highest that it imports."""
    known: dict[str, int] = {}

    def height(room: str) -> int:
        if room not in known:
            known[room] = 1 + max((height(below) for below in graph[room]), default=-1)
        return known[room]

    for room in graph:
        height(room)
    return known


def without_shortcuts(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that no longer way says already (the transitive reduction)."""

    def reach(room: str) -> set[str]:
        return set().union(*({below} | reach(below) for below in graph[room])) if graph[room] else set()

    return {
        room: {below for below in used if not any(below in reach(other) for other in used - {below})}
        for room, used in graph.items()
    }


def place(graph: Mapping[str, set[str]], left: float, top: float, width: float) -> tuple[dict[str, Room], float]:
    """Rooms in rows by floor, the highest first, each row centred; and where the next thing may begin."""
    floors = heights(graph)
    rooms: dict[str, Room] = {}
    y = top
    for floor in range(max(floors.values(), default=0), -1, -1):
        row: list[tuple[str, float]] = []
        for name in sorted((room for room in graph if floors[room] == floor), key=lambda room: (len(room), room)):
            wide = GLYPH * len(name) + 18
            if sum(w + GAP for _, w in row) + wide > width:
                y = _place_row(rooms, row, left, y, width) - ROW / 3
                row = []
            row.append((name, wide))
        y = _place_row(rooms, row, left, y, width)
    return rooms, y


def _place_row(rooms: dict[str, Room], row: list[tuple[str, float]], left: float, y: float, width: float) -> float:
    x = left + (width - sum(w for _, w in row) - GAP * (len(row) - 1)) / 2
    for name, wide in row:
        rooms[name] = Room(name, x, y, wide)
        x += wide + GAP
    return y + ROW


def panel(package: str, left: float, top: float, width: float) -> tuple[list[str], float]:
    """The drawing of one package, and its height."""
    graph = arrows(package)
    rooms, end = place(graph, left + GAP, top + HEAD, width - 2 * GAP)
    height = end - top - ROW + ROOM + GAP
    drawn = [
        f'<rect class="package" x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}" rx="8"/>',
        f'<text class="name" x="{left + GAP:.0f}" y="{top + 24:.0f}">{package}/</text>',
        f'<text class="story" x="{left + GAP:.0f}" y="{top + 43:.0f}">floor {FLOORS[package]}: {STORY[package]}</text>',
    ]
    for name, used in sorted(without_shortcuts(graph).items()):
        for below in sorted(used):
            a, b = rooms[name], rooms[below]
            x0, x1, y0, y1 = a.x + a.width / 2, b.x + b.width / 2, a.y + ROOM, b.y - 2
            bend = (y1 - y0) / 2
            drawn.append(
                f'<path class="arrow" d="M{x0:.0f} {y0:.0f} C{x0:.0f} {y0 + bend:.0f} {x1:.0f} {y1 - bend:.0f} '
                f'{x1:.0f} {y1:.0f}"/>'
            )
    for room in rooms.values():
        folder = (ROOT / package / room.name).is_dir()
        drawn.append(
            f'<rect class="{"folder" if folder else "module"}" x="{room.x:.0f}" y="{room.y:.0f}" '
            f'width="{room.width:.0f}" height="{ROOM}" rx="4"/>'
            f'<text class="room" x="{room.x + room.width / 2:.0f}" y="{room.y + 17:.0f}">{room.name}</text>'
        )
    return drawn, height


STYLE = """
text { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; fill: #1f2430 }
.name { font-weight: bold; font-size: 15px }
.story { font: 13px system-ui, "DejaVu Sans", sans-serif; fill: #5b6475 }
.room { text-anchor: middle }
.package { fill: #f6f7f9; stroke: #c9ced8 }
.folder { fill: #dfe8f7; stroke: #6f8fc6 }
.module { fill: #ffffff; stroke: #aab2c0 }
.arrow { fill: none; stroke: #8a93a3; stroke-width: 1.1; marker-end: url(#tip) }
"""


def draw() -> str:
    """The whole house as SVG."""
    body: list[str] = []
    top = float(MARGIN)
    for row in ROWS:
        width = (WIDTH - 2 * MARGIN - GAP * (len(row) - 1)) / len(row)
        drawn = [panel(name, MARGIN + i * (width + GAP), top, width) for i, name in enumerate(row)]
        body += [line for lines, _ in drawn for line in lines]
        top += max(height for _, height in drawn) + GAP
    tip = (
        '<marker id="tip" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L6 3L0 6z" fill="#8a93a3"/></marker>'
    )
    size = f'width="{WIDTH}" height="{top:.0f}" viewBox="0 0 {WIDTH} {top:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{STYLE}</style>\n<defs>{tip}</defs>\n'
    return head + f'<rect width="{WIDTH}" height="{top:.0f}" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n"


def main() -> int:
    """Write the drawing, or with --check say whether it is current."""
    if "--check" in sys.argv[1:]:
        return int(DRAWING.read_text(encoding="utf-8") != draw())
    DRAWING.write_text(draw(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
