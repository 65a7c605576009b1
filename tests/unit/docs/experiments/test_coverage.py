"""The table of simulated coverage: two sweeps are drawn and judged, and made answers are scored by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.law import Law
from benchmarks.pages import marks, part, write_part
from benchmarks.worlds import WORLDS, optimum
from docs.experiments import coverage
from docs.experiments.coverage import ESTIMATORS, PART, TARGETS, draw, kept, lower_limit, portion, ratio, report, table

WORLD = WORLDS[0]


def test_a_world_is_drawn_fitted_and_asked() -> None:
    drawn = draw(WORLD, range(2))
    assert drawn.shape == (2, len(ESTIMATORS) + 1, len(TARGETS), 2, 3)
    assert np.isfinite(drawn[:, -1]).all()
    assert (drawn[:, -1, ..., 1] < drawn[:, -1, ..., 0]).all()
    assert (drawn[:, -1, ..., 0] < drawn[:, -1, ..., 2]).all()
    truth = [optimum(WORLD.truth, 1e20 * multiple) for multiple in TARGETS]
    assert np.abs(drawn[:, -1, :, :, 0] - truth).max() < 0.2


def test_a_refused_target_is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Law.limits.func  # type: ignore[attr-defined]
    monkeypatch.setattr(Law, "limits", property(lambda law: replace(whole(law), highest=5e21)))
    drawn = draw(WORLD, range(2))
    assert np.isfinite(drawn[:, -1, 0]).all()
    assert np.isnan(drawn[:, :, 1]).all()


def test_shares_widths_and_scores_of_made_answers() -> None:
    truth = np.array([optimum(WORLD.truth, 1e20 * multiple) for multiple in TARGETS])
    drawn = np.empty((4, len(ESTIMATORS) + 1, 2, 2, 3))
    drawn[...] = truth[None, None, :, :, None] + np.array([0, -0.1, 0.1])
    drawn[0, -1] += 0.15  # the headline misses once by 0.05, at a cost of 40 times that
    drawn[3, -1, 1] = np.nan
    size, loss = (row.split(" | ") for row in report(WORLD, drawn))
    assert size[2] == "4"
    assert size[3:6] == [f"0.750 ({lower_limit(0.75, 4):.3f})", "×1.105", f"{(0.2 + 40 * 0.05 / 4) / 0.2:.2f}"]
    assert loss[4] == "±100.0"
    assert size[6] == f"0.667 ({lower_limit(2 / 3, 3):.3f}, 25.0 % refused)"
    assert size[9:10] == ["1.00"]


def test_without_a_right_form_the_score_is_held_against_the_best_estimator_by_name() -> None:
    score = np.tile([4.0, 2.0, np.nan, 3.0, 3.0, 3.0, 1.0], (5, 1))
    assert ratio(score, "") == "0.50 (skaling)"
    assert ratio(score, "additive") == "0.25"


def test_the_lower_limit_is_wilsons() -> None:
    assert lower_limit(0.95, 2000) == pytest.approx(0.9396, abs=1e-4)
    assert lower_limit(0.0, 60) == 0
    assert np.isnan(lower_limit(1.0, 0))


def test_rows_of_a_page_are_replaced_in_the_order_of_the_worlds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("\n".join(["before", *marks(PART), "after"]))
    old = ["| size offset | N* | 0.9 |", "| iid | N* | 0.8 |", "| gone | N* | 0.7 |"]
    write_part(page, PART, table(old))
    assert part(page, PART).splitlines()[2:] == [old[1], old[0]]
    monkeypatch.setattr(coverage, "report", lambda *_: ["| iid | N* | 0.5 |", "| iid | L* | 0.4 |"])
    monkeypatch.setattr(
        "sys.argv", ["coverage", "--draws", "1", "--jobs", "1", "--worlds", "iid", "--write", str(page)]
    )
    coverage.main()
    assert part(page, PART).splitlines()[2:] == ["| iid | N* | 0.5 |", "| iid | L* | 0.4 |", old[0]]


def test_the_command_prints_two_rows_a_world(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["coverage", "--draws", "2", "--jobs", "1", "--worlds", "iid"])
    coverage.main()
    head, _, size, loss = capsys.readouterr().out.splitlines()
    assert head.startswith("| world |  | draws | 10×: covered (limit)")
    assert size.startswith("| iid | N* | 2 | ")
    assert loss.startswith("| iid | L* | 2 | ")


def test_draws_are_kept_and_the_same_command_goes_on_from_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = np.load(_drawn_by(tmp_path, "2", monkeypatch, capsys))
    assert len(drawn) == 2
    np.save(portion(tmp_path, WORLD, range(2)), 2 * drawn)
    _drawn_by(tmp_path, "2", monkeypatch, capsys)
    assert np.array_equal(kept(tmp_path, WORLD), 2 * drawn, equal_nan=True)
    monkeypatch.setattr(coverage, "PORTION", 2)
    _drawn_by(tmp_path, "3", monkeypatch, capsys)
    grown = kept(tmp_path, WORLD)
    assert grown is not None
    assert len(grown) == 3
    assert kept(tmp_path, WORLDS[1]) is None


def test_a_portion_that_grew_counts_once(tmp_path: Path) -> None:
    for seeds in (range(1), range(3), range(3, 4)):
        np.save(portion(tmp_path, WORLD, seeds), np.zeros((len(seeds), 1)))
    found = kept(tmp_path, WORLD)
    assert found is not None
    assert len(found) == 4


def _drawn_by(folder: Path, draws: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Run the command; the file of the first two draws."""
    typed = ["coverage", "--draws", draws, "--jobs", "1", "--worlds", "iid", "--keep", str(folder)]
    monkeypatch.setattr("sys.argv", typed)
    coverage.main()
    assert len(capsys.readouterr().out.splitlines()) == 4
    return portion(folder, WORLD, range(2))
