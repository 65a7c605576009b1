"""Charts: what they show of a law, that they are drawn without a browser, and that they load nothing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import altair as alt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import figures
from analysis.figures.axes import log_domain, log_ticks
from analysis.figures.isoflop import polynomial
from analysis.figures.marks import budget_labels, hollow, minimum_bar
from analysis.figures.theme import SHAPES
from analysis.law import Law
from analysis.records import Curve, Minimum
from tests.unit.report_fixtures import law

SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"


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
            data = layer["data"]
            found += data["values"] if "values" in data else spec["datasets"][data["name"]]
    return found


class Elements(HTMLParser):
    """The elements of a page and the addresses that they load or link to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2, 1.4.3)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(scope="module")
def fitted() -> Law:
    return law()


@pytest.fixture(scope="module")
def refused() -> Law:
    return law(edge=3e12)


def test_isoflop_chart_shows_every_run_fit_and_minimum(fitted: Law) -> None:
    spec = figures.isoflop_curves(fitted).to_dict()
    runs = rows_of(spec, "point")
    assert sum("minimum" not in row for row in runs) == sum(len(curve.params) for curve in fitted.curves)
    minima = [(row["budget"], row["minimum"], row["params"]) for row in rows_of(spec, "point", "minimum")]
    assert len(minima) == sum(len(curve.minima) for curve in fitted.curves) == 9
    assert {row["fit"] for row in rows_of(spec, "line")} == {"cubic", "parabola"}
    assert {row["budget"] for row in runs} == {"3×10¹¹", "10¹²", "3×10¹²"}


def test_the_drawn_cubic_passes_through_its_minimum(fitted: Law) -> None:
    for curve in fitted.curves:
        found = next(minimum for minimum in curve.minima if minimum.estimator == "cubic")
        assert polynomial(curve.cubic, found.params, curve.centre) == pytest.approx(found.loss, abs=1e-6)
        sides = [polynomial(curve.cubic, found.params * f, curve.centre) for f in (0.95, 1.05)]
        assert min(sides) > found.loss


def test_a_refused_budget_is_labelled_hollow_and_has_no_line(refused: Law) -> None:
    spec = figures.isoflop_curves(refused).to_dict()
    label = "3×10¹² (refused)"
    assert any(row["budget"] == label for row in rows_of(spec, "point"))
    assert all(row["budget"] != label for row in rows_of(spec, "line"))
    runs = next(layer for layer in marks(spec) if layer["mark"]["type"] == "point" and "style" not in layer["mark"])
    scale = runs["encoding"]["shape"]["scale"]
    shape = dict(zip(scale["domain"], scale["range"], strict=True))
    assert shape[label] == hollow("triangle-up")
    assert shape["3×10¹¹"] == "circle"
    assert any("3×10¹²: minimum at the edge of the sizes" in line for line in spec["title"]["subtitle"])


def test_without_a_law_the_runs_and_the_reason_are_shown() -> None:
    thin = law(sizes=2)
    made = figures.charts(thin)
    assert set(made) == {"isoflop", "optimal-params", "optimal-tokens", "loss-frontier"}
    assert len(rows_of(made["isoflop"].to_dict(), "point")) == 6
    assert len(rows_of(made["loss-frontier"].to_dict(), "point")) == 6
    assert "No law could be fitted" in made["optimal-params"].to_dict()["title"]["subtitle"][0]


@pytest.mark.parametrize("name", ["optimal-params", "optimal-tokens", "loss-frontier"])
def test_extrapolation_is_another_style_and_starts_at_the_largest_budget(fitted: Law, name: str) -> None:
    spec = figures.charts(fitted, horizon=100)[name].to_dict()
    inside, beyond = rows_of(spec, "line", "line"), rows_of(spec, "line", "beyond")
    largest = max(curve.flops for curve in fitted.curves)
    assert max(row["flops"] for row in inside) == pytest.approx(largest)
    assert min(row["flops"] for row in beyond) == pytest.approx(largest)
    assert max(row["flops"] for row in beyond) == pytest.approx(100 * largest)
    bands = rows_of(spec, "area", "band") + rows_of(spec, "area", "band-beyond")
    assert all(row["low"] < row["value"] < row["high"] for row in bands)
    assert figures.theme()["style"]["beyond"]["strokeDash"] and "strokeDash" not in figures.theme()["style"]["line"]


def test_the_band_is_the_law_s_own_answer(fitted: Law) -> None:
    last = rows_of(figures.optimal_params(fitted, horizon=10).to_dict(), "line", "beyond")[-1]
    answer = fitted.predict(last["flops"])
    assert (last["value"], last["low"], last["high"]) == pytest.approx(
        (answer.params, answer.params_interval.low, answer.params_interval.high)
    )


def test_residuals_are_thousandths_about_the_cubic(fitted: Law) -> None:
    rows = rows_of(figures.residuals(fitted).to_dict(), "point")
    curve = fitted.curves[0]
    expected = [
        1000 * (loss - polynomial(curve.cubic, n, curve.centre))
        for n, loss in zip(curve.params, curve.losses, strict=True)
    ]
    assert [row["residual"] for row in rows[: len(expected)]] == pytest.approx(expected)


def test_estimators_stand_beside_the_headline(fitted: Law) -> None:
    rows = rows_of(figures.estimator_disagreement(fitted, targets=(10.0,)).to_dict(), "point")
    answer = fitted.predict(10 * fitted.largest_budget)
    assert [row["estimator"] for row in rows] == [
        "headline",
        *(e.estimator.replace("_", " ") for e in answer.estimators if e.params is not None),
    ]
    assert rows[0]["params"] == pytest.approx(answer.params)


def test_every_style_of_a_mark_is_in_every_theme(refused: Law) -> None:
    used = {
        layer["mark"]["style"]
        for chart in [*figures.charts(refused).values(), figures.overview(refused)]
        for layer in marks(chart.to_dict())
        if "style" in layer["mark"]
    }
    assert used
    for mode in ("print", "light", "dark"):
        assert used <= set(figures.theme(mode)["style"])


@pytest.mark.parametrize(("mode", "paper"), [("print", "#ffffff"), ("light", "#fdfdfc"), ("dark", "#14171b")])
def test_text_is_readable_on_its_paper(mode: Any, paper: str) -> None:
    theme = figures.theme(mode)
    for colour in (theme["axis"]["labelColor"], theme["legend"]["labelColor"], theme["title"]["subtitleColor"]):
        assert contrast(colour, paper) >= 4.5
    assert contrast(theme["style"]["line"]["color"], paper) >= 3


def test_close_budgets_keep_different_labels() -> None:
    curves = [Curve(flops, (), (), (), ()) for flops in (1.2341e18, 1.2344e18)]
    assert budget_labels(curves) == ["1.2341×10¹⁸ (refused)", "1.2344×10¹⁸ (refused)"]


def test_a_hopeless_minimum_gets_no_bar() -> None:
    known = Minimum("cubic", 1e5, 1e6, 3.0, 0.1, 0.01)
    assert minimum_bar(known) == pytest.approx((math.exp(0.2), 0.02))
    for error in (5.0, 1e6, math.nan, math.inf):
        unknown = Minimum("cubic", 1e5, 1e6, 3.0, error, 0.01)
        assert minimum_bar(unknown) == (1.0, 0.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_hollow_shapes_have_two_outlines(shape: str) -> None:
    assert hollow(shape).count("M") == hollow(shape).count("Z") == 2


@given(st.floats(min_value=-3, max_value=25), st.floats(min_value=0.05, max_value=12))
def test_log_ticks_are_few_inside_and_labelled(start: float, span: float) -> None:
    low, high = log_domain([10**start, 10 ** (start + span)])
    every, labelled = log_ticks(low, high)
    assert all(low <= tick <= high for tick in [*every, *labelled])
    assert set(labelled) <= set(every)
    assert len(labelled) <= 7
    if span >= 0.5:
        assert len(labelled) >= 2


def test_axis_labels_are_powers_of_ten_in_the_drawn_svg(fitted: Law, tmp_path: Path) -> None:
    svg = figures.save(figures.isoflop_curves(fitted), tmp_path / "a.svg").read_text()
    texts = set(re.findall(r">([^<>]+)</text>", svg))
    assert {"10⁵", "2×10⁵", "3×10¹¹", "Parameters N", "Loss (nats/token)", "cubic", "parabola"} <= texts
    assert not any("undefined" in text or "NaN" in text for text in texts)


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<svg"), (".html", b"<!doctype html>"), (".json", b"{")],
)
def test_save_writes_each_format(fitted: Law, tmp_path: Path, suffix: str, start: bytes) -> None:
    path = figures.save(figures.overview(fitted), tmp_path / "new" / f"chart{suffix}")
    assert path.read_bytes().startswith(start)


def test_saved_html_loads_nothing(fitted: Law, tmp_path: Path) -> None:
    page = figures.save(figures.isoflop_curves(fitted), tmp_path / "chart.html").read_text()
    found = Elements()
    found.feed(page)
    assert found.tags.count("script") == 2
    assert not found.addresses
    assert "vegaEmbed" in page


def test_saved_json_is_the_spec_with_its_theme(fitted: Law, tmp_path: Path) -> None:
    spec = json.loads(figures.save(figures.isoflop_curves(fitted), tmp_path / "chart.json").read_text())
    assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    assert spec["config"] == json.loads(json.dumps(figures.theme("print")))


def test_an_unknown_ending_is_refused_by_name(fitted: Law, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'chart\.gif'.*\.png"):
        figures.save(figures.isoflop_curves(fitted), tmp_path / "chart.gif")


def test_script_json_cannot_close_its_element() -> None:
    text = figures.script_json({"name": "</script><script>alert(1)</script>", "n": 1.5})
    assert "<" not in text
    assert json.loads(text) == {"name": "</script><script>alert(1)</script>", "n": 1.5}


def test_every_superscript_is_drawn_as_itself() -> None:
    """A font without a glyph draws the same box for each."""
    images = set()
    for sign in SUPERSCRIPTS:
        chart = alt.Chart(alt.InlineData(values=[{}])).mark_text(text=sign, font="Inter", fontSize=20)
        images.add(figures.render(chart, ".png"))
    assert len(images) == len(SUPERSCRIPTS)


def test_the_charts_own_font_covers_the_superscripts() -> None:
    for path in (Path(figures.__file__).parent / "fonts").glob("*.otf"):
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
