"""Charts: what they show of a law, that they are drawn without a browser, and that they load nothing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import altair as alt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import figures
from analysis.answers.compare import Comparison, Side, compare
from analysis.answers.published import PUBLISHED
from analysis.answers.questions import given_size
from analysis.answers.serial import prediction_json
from analysis.figures.axes import CLOSEST, linear_ticks, log_domain, log_ticks, loss_domain
from analysis.figures.isoflop import polynomial
from analysis.figures.marks import budget_labels, hollow, minimum_bar
from analysis.figures.published import published_layers
from analysis.figures.surface import surface_loss
from analysis.figures.theme import SHAPES
from analysis.law import Law, fit
from analysis.records import Curve, Interval, LawError, Minimum, QuestionError
from analysis.refusals import OutermostSize
from analysis.table.table import RunTable
from orchestrator.cli.answers import Picture
from tests.unit.orchestrator.report_fixtures import law, runs

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


@pytest.fixture(scope="module")
def specs(fitted: Law) -> dict[str, dict[str, Any]]:
    return {name: chart.to_dict() for name, chart in figures.charts(fitted, horizon=100).items()}


FORECASTS = (
    figures.Forecast(2e5, 1e13, 2e5, 3.0, Interval(2.8, 3.2), 10.0, "nats/token", 3.1),
    figures.Forecast(3e5, 3e13, 3e5, 2.8, Interval(2.7, 2.9), 30.0, "nats/token", 2.65),
    figures.Forecast(1e5, 3e12, 1e5, 3.3, Interval(3.2, 3.4), 3.0, "nats/token"),
)


@pytest.fixture(scope="module")
def comparison(fitted: Law) -> Comparison:
    frame = runs()
    frame["loss"] -= 0.1
    better = fit(RunTable.from_frame(frame, convention="N: matmul parameters", loss_unit="nats/token"))
    return compare(Side("old", fitted, 2.0), Side("new", better, 2.0))


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
def test_extrapolation_is_another_style_and_starts_at_the_largest_budget(
    fitted: Law, specs: dict[str, dict[str, Any]], name: str
) -> None:
    spec = specs[name]
    inside, beyond = rows_of(spec, "line", "line"), rows_of(spec, "line", "beyond")
    largest = max(curve.flops for curve in fitted.curves)
    assert max(row["flops"] for row in inside) == pytest.approx(largest)
    assert min(row["flops"] for row in beyond) == pytest.approx(largest)
    assert max(row["flops"] for row in beyond) == pytest.approx(100 * largest)
    bands = rows_of(spec, "area", "band") + rows_of(spec, "area", "band-beyond")
    assert all(row["low"] < row["value"] < row["high"] for row in bands)
    assert figures.theme()["style"]["beyond"]["strokeDash"] and "strokeDash" not in figures.theme()["style"]["line"]


def test_published_laws_stand_beside_with_their_own_answers_and_conventions(specs: dict[str, dict[str, Any]]) -> None:
    for name, quantity in (("optimal-params", "params"), ("optimal-tokens", "tokens")):
        marked = [row for row in rows_of(specs[name], "point") if "source" in row]
        assert {row["source"] for row in marked} == {other.source for other in PUBLISHED.values()}
        for row in marked:
            other = next(other for other in PUBLISHED.values() if other.source == row["source"])
            assert row["value"] == pytest.approx(getattr(other.predict(row["flops"]), quantity))
            convention = row["law"].partition("|")[2].replace("|", " ").replace("\N{NO-BREAK SPACE}", " ")
            assert convention == row["convention"] == other.convention


def test_a_published_line_is_dashed_beyond_the_budgets_of_its_source() -> None:
    low, high = PUBLISHED["hoffmann2022"].budgets or (0, 0)
    every = tuple(PUBLISHED.values())
    at = {"scale": alt.Scale(type="log")}
    layers = published_layers(every, every, every, "params", [low / 30, low * 2, high * 30], at, at)
    rows = [row for row in layers[0].data.values if row["law"].startswith("Hoffmann")]
    assert sorted({row["flops"] for row in rows if not row["dashed"]}) == [low, low * 2, high]
    assert sorted({row["flops"] for row in rows if row["dashed"]}) == [low / 30, low, high, high * 30]
    assert [layer.mark["strokeDash"] for layer in layers[:2]] == [alt.Undefined, [3, 3]]


def test_a_published_loss_outside_the_frame_is_left_out(specs: dict[str, dict[str, Any]]) -> None:
    shown = {row["published"] for row in rows_of(specs["loss-frontier"], "point") if "published" in row}
    low, high = next(
        layer["encoding"]["y"]["scale"]["domain"] for layer in marks(specs["loss-frontier"]) if "y" in layer["encoding"]
    )
    budgets = [row["flops"] for style in ("line", "beyond") for row in rows_of(specs["loss-frontier"], "line", style)]
    inside = {
        other.source.partition(",")[0]
        for other in PUBLISHED.values()
        if other.surface and any(low <= (other.predict(budget).loss or 0) <= high for budget in budgets)
    }
    assert shown == inside
    assert not any(
        "published" in row for row in rows_of(figures.optimal_params(law(), published=()).to_dict(), "point")
    )


def test_side_by_side_the_scaling_has_one_legend_of_the_published_laws(fitted: Law) -> None:
    spec = figures.scaling(fitted).to_dict(validate=False)
    assert len(spec["hconcat"]) == 3
    shown = [
        [layer["encoding"]["shape"].get("legend", {}) for layer in marks(panel) if "shape" in layer["encoding"]]
        for panel in spec["hconcat"]
    ]
    assert all(legend is None for panel in shown[:2] for legend in panel)
    assert {len(legend["values"]) for legend in shown[2] if legend and "values" in legend} == {len(PUBLISHED)}


def test_the_band_is_the_law_s_own_answer(fitted: Law) -> None:
    last = rows_of(figures.optimal_params(fitted, horizon=10).to_dict(), "line", "beyond")[-1]
    answer = fitted.predict(last["flops"])
    assert (last["value"], last["low"], last["high"]) == pytest.approx(
        (answer.params, answer.params_interval.low, answer.params_interval.high)
    )


def test_the_surfaces_are_taken_in_the_law_s_shares_and_go_through_the_runs(fitted: Law) -> None:
    sizes, tokens = [3e4, 1e5, 2e6], [1e6, 3e6, 5e5]
    found = surface_loss(fitted, sizes, tokens)
    # What a model costs over the optimum of its budget is by the most trusted surface; the optimum is the headline's.
    assert found == pytest.approx(
        [given_size(fitted, d * fitted.cost.flops_per_token(n), n).loss for n, d in zip(sizes, tokens, strict=True)],
        abs=0.05,
    )
    for curve in fitted.curves:
        assert surface_loss(fitted, curve.params, curve.tokens) == pytest.approx(curve.losses, abs=0.04)
    with pytest.raises(LawError, match="no surface"):
        surface_loss(law(sizes=2), sizes, tokens)


def test_residuals_are_thousandths_about_the_surfaces_against_each_axis(refused: Law) -> None:
    curve = refused.curves[-1]
    assert not curve.minima
    expected = [
        1000 * (loss - surface_loss(refused, [n], [d])[0])
        for n, d, loss in zip(curve.params, curve.tokens, curve.losses, strict=True)
    ]
    spec = figures.residual_panels(refused).to_dict()
    fields = [
        next(layer["encoding"]["x"]["field"] for layer in marks(p) if "x" in layer["encoding"]) for p in spec["hconcat"]
    ]
    assert fields == ["params", "tokens", "flops"]
    for panel in spec["hconcat"]:
        rows = rows_of(panel | {"datasets": spec["datasets"]}, "point")
        assert len(rows) == sum(len(curve.params) for curve in refused.curves)
        assert [row["residual"] for row in rows if "refused" in row["budget"]] == pytest.approx(expected)


def test_without_a_surface_residuals_are_about_the_cubics(fitted: Law) -> None:
    bare = replace(fitted, estimators=())
    chart = figures.residuals(bare).to_dict()
    curve = fitted.curves[0]
    expected = [
        1000 * (loss - polynomial(curve.cubic, n, curve.centre))
        for n, loss in zip(curve.params, curve.losses, strict=True)
    ]
    assert [row["residual"] for row in rows_of(chart, "point")[: len(expected)]] == pytest.approx(expected)
    assert chart["title"]["text"] == "Residuals of the cubics"
    with pytest.raises(LawError, match="neither a surface nor a cubic"):
        figures.residual_panels(law(sizes=2))


def test_contours_lie_on_their_loss_and_are_dashed_beyond_the_runs(
    fitted: Law, specs: dict[str, dict[str, Any]]
) -> None:
    spec = specs["contour"]
    inside, beyond = rows_of(spec, "line", "contour"), rows_of(spec, "line", "contour-beyond")
    assert len({row["level"] for row in inside + beyond}) >= 5
    rows = inside + beyond
    found = surface_loss(fitted, [row["params"] for row in rows], [row["tokens"] for row in rows])
    assert found == pytest.approx([float(row["level"]) for row in rows], abs=2e-3)
    compute = [row["tokens"] * float(fitted.cost.flops_per_token(row["params"])) for row in inside]
    assert max(compute) <= fitted.largest_budget * 1.0001
    names = next(
        layer
        for layer in marks(spec)
        if layer["encoding"]["y"].get("axis", {}) and layer["encoding"]["y"]["axis"].get("orient") == "right"
    )
    assert (
        "nats/token" in names["encoding"]["y"]["axis"]["title"] and len(names["encoding"]["y"]["axis"]["values"]) >= 4
    )


def test_the_contour_has_the_frontier_the_runs_and_the_isoflop_lines(refused: Law) -> None:
    spec = figures.loss_contour(refused, horizon=100).to_dict()
    frontier = rows_of(spec, "line", "line") + rows_of(spec, "line", "beyond")
    answers = {row["params"]: row["tokens"] for row in frontier}
    top = refused.predict(100 * refused.largest_budget)
    assert answers[max(answers)] == pytest.approx(top.tokens)
    assert sum("budget" in row for row in rows_of(spec, "point")) == sum(len(c.params) for c in refused.curves)
    lines = rows_of(spec, "line", "isoflop")
    for curve in refused.curves:
        drawn = [row for row in lines if row["budget"] == budget_labels([curve])[0].removesuffix(" (refused)")]
        flops = [row["tokens"] * float(refused.cost.flops_per_token(row["params"])) for row in drawn]
        assert flops and flops == pytest.approx([curve.flops] * len(flops))


def test_forecasts_are_marked_by_what_they_reached() -> None:
    spec = figures.forecast_record(FORECASTS).to_dict()
    rows = {row["factor"].split()[0]: row for row in rows_of(spec, "rule", "interval")}
    assert list(rows) == ["×3", "×10", "×30"]
    assert [row["verdict"] for row in rows.values()] == ["waiting", "inside", "outside"]
    assert rows["×3"]["error"] is None
    assert (rows["×30"]["low"], rows["×30"]["high"], rows["×30"]["error"]) == pytest.approx((-0.1, 0.1, -0.15))
    reached = next(layer for layer in marks(spec) if layer["mark"]["type"] == "point")
    shapes = reached["encoding"]["shape"]["scale"]
    assert len(set(shapes["range"])) == len(shapes["domain"]) == 2
    assert "1 of 2 inside; 1 not reached yet." in spec["title"]["subtitle"][1]
    with pytest.raises(QuestionError, match="isoflop validate"):
        figures.forecast_record([])


def test_a_forecast_reads_what_is_stored(fitted: Law) -> None:
    prediction = fitted.predict(3e13)
    record = {"made_at": 1e9, "flops": 3e13, "loss": None, "prediction": prediction_json(prediction)}
    stored = figures.Forecast.of(record)
    assert (stored.loss, stored.interval, stored.verdict) == (prediction.loss, prediction.loss_interval, "waiting")
    low, high = prediction.loss_interval.low, prediction.loss_interval.high
    assert figures.Forecast.of(record | {"loss": high + 1e-6}).verdict == "outside"
    assert figures.Forecast.of(record | {"loss": low}).verdict == "inside"
    assert not any(layer["mark"]["type"] == "point" for layer in marks(figures.forecast_record([stored]).to_dict()))


def test_the_multiplier_is_the_comparison_s_with_a_line_at_one(comparison: Comparison) -> None:
    spec = figures.compute_multiplier(comparison).to_dict()
    inside, beyond = rows_of(spec, "area", "band"), rows_of(spec, "area", "band-beyond")
    drawn = {row["loss"]: (row["value"], row["low"], row["high"]) for row in inside + beyond}
    assert drawn == {
        point.loss: pytest.approx((point.multiplier, point.interval.low, point.interval.high))
        for point in comparison.points
    }
    assert max(row["loss"] for row in beyond) == min(row["loss"] for row in inside)
    reach = {point.loss: point.extrapolation for point in comparison.points}
    assert all(reach[row["loss"]] <= 1 + 1e-9 for row in inside) and reach[beyond[-1]["loss"]] > 1
    assert [row["even"] for row in rows_of(spec, "rule", "even")] == [1.0]
    domain = next(layer["encoding"]["x"]["scale"]["domain"] for layer in marks(spec) if "x" in layer["encoding"])
    assert domain[0] > domain[1]
    assert "Above 1, new reaches" in spec["title"]["subtitle"][0]
    assert len(figures.compute_multipliers([comparison, comparison]).to_dict()["vconcat"]) == 2


def test_pictures_are_what_the_command_line_offers(fitted: Law) -> None:
    assert tuple(Picture) == figures.PICTURES
    everything: Any = figures.picture("all", fitted, FORECASTS)
    assert [part.title.text for part in everything.vconcat] == [
        "IsoFLOP curves",
        "Optimal size, tokens and loss against compute",
        "Loss over sizes and tokens",
        "Residuals of the surfaces",
        "What each estimator says alone",
        "Forecast record",
    ]
    thin: Any = figures.picture("all", law(sizes=2))
    assert len(thin.vconcat) == 2
    with pytest.raises(QuestionError, match="no chart 'pie'"):
        figures.picture("pie", fitted)
    with pytest.raises(QuestionError, match="no forecast"):
        figures.picture("forecasts", fitted)


def test_page_panels_have_no_legends_of_their_own(specs: dict[str, dict[str, Any]]) -> None:
    panels = figures.page_specs(specs["residuals"])
    assert len(panels) == 3
    for panel in panels:
        assert panel["width"] == "container" and "title" not in panel
        for layer in marks(panel):
            assert all(
                layer["encoding"][name]["legend"] is None for name in ("color", "shape") if name in layer["encoding"]
            )
    (alone,) = figures.page_specs(specs["isoflop"])
    assert any(layer["encoding"].get("shape", {}).get("legend") for layer in marks(alone))


def test_runs_far_above_the_rest_leave_the_frame_with_an_arrow() -> None:
    frame = runs()
    frame.loc[len(frame)] = frame.iloc[6].to_dict() | {
        "run": "odd",
        "params": frame["params"].iloc[6] * 20,
        "loss": 30.0,
    }
    odd = fit(RunTable.from_frame(frame, convention="", loss_unit="nats/token"))
    spec = figures.isoflop_curves(odd).to_dict()
    top = next(layer["encoding"]["y"]["scale"]["domain"] for layer in marks(spec) if "y" in layer["encoding"])[1]
    assert max(frame["loss"].iloc[:-1]) < top < 30
    (layer,) = (layer for layer in marks(spec) if layer["mark"].get("yOffset"))
    arrows = spec["datasets"][layer["data"]["name"]]
    assert [(row["Loss"], row["loss"]) for row in arrows] == [("30.000", top)]
    assert "Arrow at the top: 1 run above the frame." in spec["title"]["subtitle"]


def test_estimators_that_refused_beside_others_are_named(fitted: Law) -> None:
    curve = fitted.curves[0]
    found = replace(curve, refusals={"akima": OutermostSize()})
    spec = figures.isoflop_curves(replace(fitted, curves=(found, *fitted.curves[1:]))).to_dict()
    assert "Akima refused (minimum at the edge of the sizes) at 3×10¹¹." in spec["title"]["subtitle"]


def test_estimators_stand_beside_the_headline(fitted: Law) -> None:
    rows = rows_of(figures.estimator_disagreement(fitted, targets=(10.0,)).to_dict(), "point")
    answer = fitted.predict(10 * fitted.largest_budget)
    assert [row["estimator"] for row in rows] == [
        "headline",
        *(e.estimator.replace("_", " ") for e in answer.estimators if e.params is not None),
    ]
    assert rows[0]["params"] == pytest.approx(answer.params)


def test_every_style_of_a_mark_is_in_every_theme(specs: dict[str, dict[str, Any]], comparison: Comparison) -> None:
    more = [figures.forecast_record(FORECASTS).to_dict(), figures.compute_multiplier(comparison).to_dict()]
    used = {
        layer["mark"]["style"] for spec in [*specs.values(), *more] for layer in marks(spec) if "style" in layer["mark"]
    }
    assert {"contour", "stop", "even", "minimum"} <= used
    for mode in ("print", "light", "dark"):
        assert used <= set(figures.theme(mode)["style"])


@pytest.mark.parametrize(("mode", "paper"), [("print", "#ffffff"), ("light", "#fdfdfc"), ("dark", "#14171b")])
def test_text_is_readable_on_its_paper(mode: Any, paper: str) -> None:
    theme = figures.theme(mode)
    for colour in (theme["axis"]["labelColor"], theme["legend"]["labelColor"], theme["title"]["subtitleColor"]):
        assert contrast(colour, paper) >= 4.5
    for colour in (theme["style"]["line"]["color"], *theme["range"]["category"]):
        assert contrast(colour, paper) >= 3


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
    apart = CLOSEST * math.log10(high / low)
    assert all(math.log10(after / before) >= 0.9 * apart for before, after in pairwise(labelled))
    if span >= 0.5:
        assert len(labelled) >= 2


def test_narrow_axes_get_round_labels_between_the_powers() -> None:
    assert log_ticks(1.1, 1.45)[1] == [1.1, 1.2, 1.3, 1.4]
    assert linear_ticks(0.98, 1.31, 4) == [1.0, 1.1, 1.2, 1.3]
    assert len(linear_ticks(0, 1)) <= 7


@given(st.lists(st.floats(min_value=0.5, max_value=20), min_size=1, max_size=60))
def test_a_loss_axis_shows_all_but_a_few_losses(losses: list[float]) -> None:
    low, high = loss_domain(losses)
    assert low < min(losses) and low < high
    above = sum(loss > high for loss in losses)
    assert above <= math.ceil(0.025 * (len(losses) - 1))


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
    path = figures.save(figures.residual_panels(fitted), tmp_path / "new" / f"chart{suffix}")
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
