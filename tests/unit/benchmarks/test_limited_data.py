"""Coverage of data-limited answers, a small part of the table, and that it notices an error that is left out."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from analysis.fitting.cost import TokenCost
from analysis.fitting.repetition import published as repetition
from analysis.law import Law
from benchmarks import limited_data as simulation
from benchmarks.limited_data import WORLDS, additive, cell, diminished, filled, limited, sweep, unlimited, worths
from tests.unit.analysis.law_tables import best, hoffmann

LAWS = ("additive", "joint skew")


@cache
def laws(name: str) -> list[Law]:
    return [sweep(WORLDS[name], np.random.default_rng(seed)) for seed in range(4)]


def covered(name: str, epochs: float) -> list[float]:
    """How often N and the loss are covered at ten times the largest budget."""
    world = WORLDS[name]
    found = cell(world, laws(name), 10 * world.budgets[-1], epochs, np.random.default_rng(7))
    return [float(share) for share in found[:, 0]]


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("epochs", [0.5, 4.0, 16.0, 40.0])
def test_intervals_cover_truths_whose_worth_of_repetition_is_not_the_published_one(name: str, epochs: float) -> None:
    assert min(covered(name, epochs)) >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [4.0, 16.0, 40.0])
def test_without_the_error_of_that_worth_they_would_not(monkeypatch: pytest.MonkeyPatch, epochs: float) -> None:
    monkeypatch.setattr(repetition, "LOG_WORTH_SD", 1e-9)
    assert max(covered("additive", epochs)) < 0.65


@pytest.mark.slow
def test_intervals_are_no_wider_than_they_must_be() -> None:
    """Nor does everything lie inside: an interval that covers always would say little."""
    found = [covered("additive", epochs) for epochs in (4.0, 16.0, 40.0)]
    assert max(max(pair) for pair in found) < 0.995


def test_the_simulated_truth_is_that_of_the_paper() -> None:
    n, d = unlimited(additive, 1e21)
    assert np.exp(n) == pytest.approx(best(hoffmann, 1e21, TokenCost.constant(6.0))[0], rel=1e-3)
    assert filled(additive, d) == pytest.approx(n, abs=2e-3)
    assert np.exp(filled(additive, np.log(1e9))) == pytest.approx(
        (0.34 * 406.4 / (0.28 * 410.7) * 1e9**0.28) ** (1 / 0.34), rel=2e-3
    )
    assert diminished(np.array([1.0, 30.0]), 2.0, np.array(15.0)) == pytest.approx([1, 2 + 30 * (1 - np.exp(-14 / 15))])
    drawn = np.log(worths(4000, np.random.default_rng(1)) / [15.387756, 5.309743])
    assert drawn.std(axis=0) == pytest.approx([np.log(2)] * 2, rel=0.05)
    plenty = limited(additive, 1e21, 10 * np.exp(d), worths(3, np.random.default_rng(0)))
    assert plenty.log_params == pytest.approx([n] * 3, abs=5e-3)


def test_the_table_has_two_rows_for_each_law_and_budget(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["limited_data", "--sweeps", "1", "--laws", "additive", "--epochs", "1", "16"])
    monkeypatch.setattr(simulation, "MULTIPLES", (1.0,))
    simulation.main()
    head, _, size, loss = capsys.readouterr().out.splitlines()
    assert head == "| law | budget | | D\\*/U = 1 | D\\*/U = 16 |"
    assert size.startswith("| additive | 1× | N | ") and " (×" in size
    assert loss.startswith("| additive | 1× | loss | ") and " (±" in loss
