"""Panels: titles with a name, notes that fit, and figures that letter their parts and say each note once."""

from __future__ import annotations

import altair as alt
import pytest

from analysis.figures.axes import values
from analysis.figures.panels import Panel, Row, figure, heading, panel, side_by_side, wrapped
from tests.unit.analysis.figures.specs import marks


def drawn(title: str, *notes: str, width: float = 200) -> Panel:
    layer = alt.Chart(values([{"a": 1.0}])).mark_point().encode(x="a:Q", color="a:N")
    return panel([layer], title, notes, f"{title} in words.", width=width, height=100, independent=True)


def test_a_heading_names_whose_chart_it_is() -> None:
    assert heading("", "Loss frontier") == "Loss frontier"
    assert heading("lab", "Loss frontier") == "lab: loss frontier"
    assert heading("lab", "IsoFLOP curves") == "lab: IsoFLOP curves"


def test_notes_share_lines_and_are_broken_where_they_are_long() -> None:
    assert wrapped(["One.", "Two."], 400) == ["One. Two."]
    long = "word " * 60
    lines = wrapped(["One.", long], 400)
    assert lines[0] == "One." and len(lines) > 3 and max(map(len, lines)) <= (400 + 130) / 5.5
    assert " ".join(lines[1:]) == long.strip()


def test_a_panel_alone_has_its_title_notes_and_description() -> None:
    spec = drawn("Loss", "A note.").alone("lab").to_dict()
    assert spec["title"] == {"text": "lab: loss", "subtitle": ["A note."]}
    assert (spec["width"], spec["height"], spec["description"]) == (200, 100, "Loss in words.")
    assert spec["resolve"]["scale"]["color"] == spec["resolve"]["scale"]["opacity"] == "independent"


def test_panels_of_a_row_have_one_title_and_each_note_once() -> None:
    spec = side_by_side([drawn("A", "Same.", "One."), drawn("B", "Same.")], "Both", "lab").to_dict()
    assert spec["title"] == {"text": "lab: both", "subtitle": ["Same. One."]}
    assert all("title" not in part for part in spec["hconcat"])


def test_a_figure_letters_its_parts_and_groups_their_notes() -> None:
    rows = [
        Row((drawn("Top", "Only here.", width=480),)),
        Row((drawn("Left", "Both."), drawn("Right", "Both.")), gap=80),
        Row((drawn("Named", width=380),), indent=100),
    ]
    assert [row.width for row in rows] == [480, 480, 480]
    spec = figure(rows, "All of it").to_dict()
    assert spec["title"]["text"] == "All of it"
    assert spec["title"]["subtitle"] == ["(a) Only here.", "(b, c) Both."]
    titles = [layer["encoding"]["text"]["value"] for layer in marks(spec) if layer["mark"].get("style") == "part"]
    assert titles == ["(a) Top", "(b) Left", "(c) Right", "(d) Named"]
    assert all("title" not in part for row in spec["vconcat"] for part in row["hconcat"])
    assert [row["spacing"] for row in spec["vconcat"]] == [0, 80, 0]
    assert spec["vconcat"][2]["hconcat"][0]["width"] == 100, "free space stands before an indented row"
    assert spec["description"].startswith("Top in words. Left in words.")


@pytest.mark.parametrize("level", ["figure", "row"])
def test_parts_of_a_figure_keep_their_own_colours(level: str) -> None:
    spec = figure([Row((drawn("A"), drawn("B")))], "Two").to_dict()
    at = spec if level == "figure" else spec["vconcat"][0]
    assert set(at["resolve"]["scale"].values()) == {"independent"}
