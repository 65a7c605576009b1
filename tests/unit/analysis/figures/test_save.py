"""Charts as files and on pages: every format without a browser, pages that load nothing, glyphs that are there."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import altair as alt
import pytest

from analysis import figures
from analysis.figures.isoflop import isoflop_curves
from analysis.figures.residuals import residual_panels
from analysis.figures.save import caption, page_specs, render, save, script_json
from analysis.figures.theme import theme
from analysis.law import Law
from tests.unit.analysis.figures.specs import legends, marks

SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"


class Elements(HTMLParser):
    """The elements of a page and the addresses that they load or link to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]


def test_labels_are_readable_numbers_in_the_drawn_svg(fitted: Law, tmp_path: Path) -> None:
    svg = save(isoflop_curves(fitted), tmp_path / "a.svg").read_text()
    texts = set(re.findall(r">([^<>]+)</text>", svg))
    assert {"100 k", "200 k", "3×10¹¹", "Loss (nats/token)", "headline", "cubic", "parabola"} <= texts
    assert "Parameters N (matmul parameters)" in svg
    assert not any("undefined" in text or "NaN" in text for text in texts)


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<svg"), (".html", b"<!doctype html>"), (".json", b"{")],
)
def test_save_writes_each_format(fitted: Law, tmp_path: Path, suffix: str, start: bytes) -> None:
    path = save(residual_panels(fitted), tmp_path / "new" / f"chart{suffix}")
    assert path.read_bytes().startswith(start)


@pytest.mark.slow
def test_a_composed_figure_is_drawn(fitted: Law) -> None:
    assert render(figures.overview(fitted), ".png").startswith(b"\x89PNG")


def test_saved_html_loads_nothing(fitted: Law, tmp_path: Path) -> None:
    page = save(isoflop_curves(fitted, "lab"), tmp_path / "chart.html").read_text()
    found = Elements()
    found.feed(page)
    assert found.tags.count("script") == 2 and not found.addresses
    assert "vegaEmbed" in page and "<title>lab: IsoFLOP curves</title>" in page


def test_saved_json_is_the_spec_with_its_theme(fitted: Law, tmp_path: Path) -> None:
    spec = json.loads(save(isoflop_curves(fitted), tmp_path / "chart.json").read_text())
    assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    assert spec["config"] == json.loads(json.dumps(theme("print")))


def test_an_unknown_ending_is_refused_by_name(fitted: Law, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'chart\.gif'.*\.png"):
        save(isoflop_curves(fitted), tmp_path / "chart.gif")


def test_page_panels_have_no_legends_of_their_own(fitted: Law) -> None:
    panels = page_specs(residual_panels(fitted).to_dict())
    assert len(panels) == 3
    for panel in panels:
        assert panel["width"] == "container" and "title" not in panel
        assert legends(panel) == set()
    (alone,) = page_specs(isoflop_curves(fitted).to_dict())
    assert any(layer["encoding"].get("shape", {}).get("legend") for layer in marks(alone))


def test_a_caption_is_the_title_and_the_notes(fitted: Law) -> None:
    title, notes = caption(isoflop_curves(fitted, "lab").to_dict())
    assert title == "lab: IsoFLOP curves" and notes[0].startswith("Star: ")
    assert caption({}) == ("", [])


def test_script_json_cannot_close_its_element() -> None:
    text = script_json({"name": "</script><script>alert(1)</script>", "n": 1.5})
    assert "<" not in text
    assert json.loads(text) == {"name": "</script><script>alert(1)</script>", "n": 1.5}


def test_every_superscript_is_drawn_as_itself() -> None:
    """A font without a glyph draws the same box for each."""
    images = set()
    for sign in SUPERSCRIPTS:
        chart = alt.Chart(alt.InlineData(values=[{}])).mark_text(text=sign, font="Inter", fontSize=20)
        images.add(render(chart, ".png"))
    assert len(images) == len(SUPERSCRIPTS)


def test_the_charts_own_font_covers_the_superscripts() -> None:
    fonts = list((Path(figures.__file__).parent / "fonts").glob("*.otf"))
    assert len(fonts) == 2
    for path in fonts:
        assert {ord(sign) for sign in SUPERSCRIPTS + "×−±≥σ"} <= _characters(path.read_bytes())


def _characters(font: bytes) -> set[int]:
    """Characters of an OpenType font: the segments of its format 4 `cmap` (OpenType 1.9)."""

    def number(at: int, size: int = 2) -> int:
        return int.from_bytes(font[at : at + size], "big")

    tables = {font[12 + 16 * i : 16 + 16 * i]: number(20 + 16 * i, 4) for i in range(number(4))}
    cmap = tables[b"cmap"]
    for i in range(number(cmap + 2)):
        table = cmap + number(cmap + 8 + 8 * i, 4)
        if number(table) == 4:
            count = number(table + 6) // 2
            ends = [number(table + 14 + 2 * j) for j in range(count)]
            starts = [number(table + 16 + 2 * count + 2 * j) for j in range(count)]
            return {c for a, b in zip(starts, ends, strict=True) for c in range(a, b + 1)} - {0xFFFF}
    raise AssertionError("the font has no format 4 cmap")
