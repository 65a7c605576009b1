"""Training curves: what is drawn of each run, against what, and in words."""

from __future__ import annotations

from typing import Any

from analysis.figures.training import MOST_POINTS, RunCurve, training_curves

POINTS = [
    {"tokens": 0, "flops": 0.0, "seconds": 0.0, "loss": 6.0},
    {"tokens": 1000, "flops": 1e9, "seconds": 1.0, "loss": 4.5},
    {"tokens": 2000, "flops": 2e9, "seconds": 2.0, "validation_loss": 4.25},
]


def drawn(*curves: RunCurve, against: Any = "tokens") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    spec = training_curves(curves, against).to_dict(validate=False)
    return spec, [row for rows in spec["datasets"].values() for row in rows]


def test_the_points_of_a_run_are_drawn_against_what_was_asked() -> None:
    spec, rows = drawn(RunCurve("ab", POINTS), against="flops")
    assert [(row["x"], row["loss"], row["kind"]) for row in rows] == [
        (1e9, 4.5, "training"),
        (2e9, 4.25, "validation"),
    ]
    assert spec["description"] == "Loss of 1 run against training flops: ab ends at 4.250."
    assert spec["layer"][0]["encoding"]["color"]["legend"] is None


def test_several_runs_have_a_legend_and_long_curves_are_thinned_but_keep_their_validation() -> None:
    long = [{"tokens": step, "loss": 4.0} for step in range(1, 4 * MOST_POINTS)] + [
        {"tokens": 4 * MOST_POINTS, "validation_loss": 3.9}
    ]
    spec, rows = drawn(RunCurve("ab", POINTS), RunCurve("cd", long), RunCurve("ef", []))
    assert spec["layer"][0]["encoding"]["color"]["legend"] == {}
    assert sum(row["run"] == "cd" for row in rows) <= MOST_POINTS + 1
    assert rows[-1]["kind"] == "validation" and "ef has logged nothing" in spec["description"]
