"""Lists: the rows that are wanted, in an order, part by part."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from orchestrator.api.listing import Part, RunsAsked, SweepsAsked, chosen, paging

ROWS = [{"run": str(i), "loss": loss} for i, loss in enumerate((3.0, None, 1.0, 2.0))]


@pytest.mark.parametrize(
    ("order", "expected"), [("plan", "0123"), ("loss", "2301"), ("-loss", "0321")], ids=["plan", "up", "down"]
)
def test_rows_are_sorted_and_what_is_unknown_is_last(order: str, expected: str) -> None:
    rows, total = chosen(ROWS, Part(), order)
    assert ("".join(row["run"] for row in rows), total) == (expected, 4)


def test_a_part_says_how_many_there_are_and_where_the_next_ones_are() -> None:
    asked = RunsAsked(limit=2, offset=1, sort="loss")
    rows, total = chosen(ROWS, asked, asked.sort, lambda row: row["loss"] != 3.0)
    assert ([row["run"] for row in rows], total) == (["3", "1"], 3)
    assert paging("/runs", asked, 3) == {"X-Total-Count": "3"}
    assert paging("/runs", asked, 4)["Link"] == '</runs?limit=2&offset=3&sort=loss>; rel="next"'


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 10_001}, {"offset": -1}, {"sort": "size"}, {"stat": "done"}])
def test_what_is_not_known_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SweepsAsked(**wrong)  # type: ignore[arg-type]
