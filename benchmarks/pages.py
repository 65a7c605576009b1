"""Generated parts of a page: text between two comments that a measurement writes anew."""

from __future__ import annotations

from pathlib import Path


def marks(name: str) -> tuple[str, str]:
    """The comments about the part of this name."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def part(page: Path, name: str) -> str:
    """What stands in a part of a page. Raises SystemExit where the page has no such part."""
    return _split(page, name)[1].strip("\n")


def write_part(page: Path, name: str, text: str) -> None:
    """Put a text into a part of a page. Raises SystemExit where the page has no such part."""
    before, _, after = _split(page, name)
    begin, end = marks(name)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def _split(page: Path, name: str) -> tuple[str, str, str]:
    begin, end = marks(name)
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    inside, ended, after = rest.partition(end)
    if not found or not ended:
        raise SystemExit(f"{page} has no lines {begin} and {end}: add them where the tables belong")
    return before, inside, after
