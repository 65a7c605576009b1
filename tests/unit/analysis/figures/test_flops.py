"""The charts of FLOPs: every part and convention, and no word on steps in depth where depth is constant."""

from __future__ import annotations

import json

import numpy as np
import pytest

from analysis.answers.conventions import ConventionOptimum, counted, optima
from analysis.answers.published import PUBLISHED
from analysis.figures.flops import PARTS, Size, convention_exponents, flops_picture, flops_shares
from analysis.figures.theme import COUNTED
from tests.unit.analysis.figures.specs import marks, notes, rows_of

LAW = PUBLISHED["besiroglu2024"]
SIZES = [Size(n, dict.fromkeys(PARTS, n), f"d{n:g}", 4) for n in (1e5, 1e8, 1e12)]


@pytest.fixture(scope="module")
def found() -> list[ConventionOptimum]:
    """Optima of two conventions, with a budget that the ladder does not reach."""
    ladder = [float(n) for n in np.geomspace(1e5, 1e13, 200)]
    left_out = 3e6
    ways = counted(
        [{"six_n": n + left_out, "kaplan": n} for n in ladder],
        [{"six_n": 6 * (n + left_out), "kaplan": 6 * n} for n in ladder],
    )
    return optima(LAW.losses, [n + left_out for n in ladder], ways, [1e18, 1e20, 1e35])


def test_shares_add_up_and_every_part_is_named() -> None:
    spec = flops_shares(SIZES, "Some shapes.").alone().to_dict()
    rows = rows_of(spec, "area")
    assert {row["share"] for row in rows} == {0.25}
    assert {row["part"] for row in rows} == set(PARTS.values())
    assert notes(spec) == (
        "100 k parameters: attention 50%, MLP 25%; 1 T parameters: attention 50%, MLP 25%. Some shapes."
    )
    colour = next(layer["encoding"]["color"] for layer in marks(spec))
    assert colour["scale"] == {"domain": list(PARTS.values()), "range": COUNTED}


def test_exponents_are_drawn_as_far_as_they_are_known(found: list[ConventionOptimum]) -> None:
    spec = convention_exponents(found, "some law").alone().to_dict()
    assert "Kaplan: 6N without head" in json.dumps(spec)
    assert {row["flops"] for row in rows_of(spec, "line")} == {1e18, 1e20}


def test_steps_in_depth_are_mentioned_only_where_depth_changes(found: list[ConventionOptimum]) -> None:
    deeper = [*SIZES[:2], Size(1e12, dict.fromkeys(PARTS, 1.0), "d", 8)]
    assert "depth" not in " ".join(convention_exponents(found, "some law", SIZES).notes)
    assert "depth" not in " ".join(convention_exponents(found, "some law", deeper).notes), "far above every optimum"
    low, high = (float(f(one.params for one in found if one.params > 0)) for f in (min, max))
    assert 1e5 < low < high < 1e12
    ripples = "Ripples come from steps in depth along the ladder."
    for at, told in ((low * 2, True), (high * 2, True), (low / 4, False), (high * 4, False)):
        stepped = [Size(low * 1.5, dict.fromkeys(PARTS, 1.0), "d", 4), Size(at, dict.fromkeys(PARTS, 1.0), "d", 8)]
        assert (ripples in convention_exponents(found, "a law", stepped).notes) is told


def test_both_are_one_figure(found: list[ConventionOptimum]) -> None:
    spec = flops_picture(SIZES, found, "some law", "Some shapes.").to_dict()
    assert spec["title"]["text"] == "Counting FLOPs: some law"
    titles = [layer["encoding"]["text"]["value"] for layer in marks(spec) if layer["mark"].get("style") == "part"]
    assert titles == ["(a) Where the FLOPs go", "(b) What each way of counting reports"]
