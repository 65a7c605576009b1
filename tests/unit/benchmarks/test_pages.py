"""Parts of a page are read and written between their marks, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.pages import marks, part, write_part

BEGIN, END = marks("tables")


def test_a_part_is_replaced_and_read_again(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    assert part(page, "tables") == "old"
    for text in ("new", "newer\n\nand longer"):
        write_part(page, "tables", text)
        assert part(page, "tables") == text
        assert page.read_text() == f"before\n\n{BEGIN}\n\n{text}\n\n{END}\n\nafter\n"


@pytest.mark.parametrize("content", [f"before {END} {BEGIN}", f"only {BEGIN}", "neither"])
def test_a_page_without_the_part_stays_as_it_is(tmp_path: Path, content: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(content)
    with pytest.raises(SystemExit, match="add them where the tables belong"):
        write_part(page, "tables", "new")
    assert page.read_text() == content
