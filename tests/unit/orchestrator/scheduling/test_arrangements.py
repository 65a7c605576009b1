"""Which arrangement a simulated device trains the fastest, by records as a calibration writes them."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.scheduling.arrangements import (
    SWITCH_ABOVE,
    Arrangement,
    Arrangements,
    Chosen,
    arrangements_of,
    interpolated,
    workers_worth,
)


def rows(*measured: tuple[int, int, float]) -> list[dict[str, Any]]:
    return [{"processes": p, "stacked": k, "step_seconds": seconds} for p, k, seconds in measured]


def of(*measured: tuple[int, int, float]) -> Arrangements:
    """Those of one shape, a step of which takes 1 FLOP: rates are steps a second."""
    return arrangements_of([(10.0, 1.0, rows(*measured))])


def rate(known: Arrangements, mates: int = 1, *, beside: bool = True) -> Chosen:
    chosen = known.choose(10.0, mates, beside=beside)
    assert chosen is not None
    return Chosen(chosen.processes, pytest.approx(chosen.rate))


def test_processes_side_by_side_must_be_clearly_faster_than_any_single_one() -> None:
    assert rate(of((1, 0, 1.0), (2, 0, 0.5), (4, 0, 0.25))) == Chosen(4, 4.0)
    assert rate(of((1, 0, 1.0), (2, 0, 0.5), (4, 0, 0.6))) == Chosen(2, 2.0)
    assert rate(of((1, 0, 1.0), (4, 0, 0.999 / SWITCH_ABOVE))) == Chosen(4, SWITCH_ABOVE / 0.999)
    assert rate(of((1, 0, 1.0), (4, 0, 1.001 / SWITCH_ABOVE))) == Chosen(1, 1.0)
    assert rate(of((1, 0, 1.0), (4, 0, 0.25)), beside=False) == Chosen(1, 1.0)
    assert rate(of((4, 0, 0.25))) == Chosen(4, 4.0), "nothing is known of one alone"
    assert of((4, 0, 0.25)).choose(10.0, 1, beside=False) is None


def test_a_stack_is_as_fast_as_the_runs_that_there_are() -> None:
    known = of((1, 0, 1.0), (1, 1, 0.5), (1, 4, 0.125), (1, 16, 1 / 16))
    assert [rate(known, mates).rate for mates in (0, 1, 2, 4, 8, 16, 50)] == [
        2.0,
        2.0,
        4.0,
        8.0,
        pytest.approx(128**0.5),
        16.0,
        16.0,
    ]
    slower = of((1, 0, 1.0), (1, 1, 0.5), (1, 4, 0.125), (1, 16, 0.5))
    assert rate(slower, 16).rate == 8.0, "of sizes that there are runs for, the fastest"
    assert rate(of((1, 0, 1.0), (1, 4, 2.0)), 4) == Chosen(1, 1.0)


def test_a_stack_and_shares_compete() -> None:
    known = of((1, 0, 1.0), (1, 1, 1.0), (1, 16, 0.1), (4, 1, 0.25))
    assert rate(known, 1) == Chosen(4, 4.0)
    assert rate(known, 16) == Chosen(1, 10.0)


def test_between_sizes_each_arrangement_has_its_own_rate_and_none_where_it_does_not_fit() -> None:
    small, large = rows((1, 0, 1.0), (4, 0, 0.1)), rows((1, 0, 1.0), (2, 0, 0.5))
    known = arrangements_of([(1e4, 1.0, small), (1e6, 100.0, large)])
    assert known.rates[Arrangement(1, 0)] == ((1e4, 1.0), (1e6, 100.0))
    assert known.choose(1e4, 1) == Chosen(4, 10.0) == known.choose(1.0, 1), "as at the nearest size"
    assert known.choose(1e5, 1) == Chosen(1, pytest.approx(10.0))
    assert known.choose(1e6, 1) == Chosen(2, pytest.approx(200.0)) == known.choose(1e9, 1)
    assert Arrangements({}).choose(1e5, 1) is None


def test_the_later_measurement_of_a_size_counts() -> None:
    joined = of((1, 0, 1.0), (2, 0, 1.0)).joined(
        arrangements_of([(10.0, 1.0, rows((1, 0, 0.5))), (5.0, 1.0, rows((1, 0, 1.0)))])
    )
    assert joined.rates == {Arrangement(1, 0): ((5.0, 1.0), (10.0, 2.0)), Arrangement(2, 0): ((10.0, 1.0),)}


def test_a_device_gets_the_workers_that_any_shape_is_worth() -> None:
    assert workers_worth([]) == workers_worth([{"step_seconds": [1.0]}]) == 1
    slow, fast = rows((1, 0, 1.0), (1, 16, 0.01), (2, 0, 0.5)), rows((1, 0, 1.0), (1, 1, 0.1), (4, 0, 0.2))
    assert workers_worth([{"arrangements": [fast]}]) == 1
    assert workers_worth([{"arrangements": [fast, slow]}, {"arrangements": [[], fast]}]) == 2


def test_values_between_points() -> None:
    assert [interpolated(((1.0, 1.0), (100.0, 4.0)), at) for at in (0.1, 1.0, 10.0, 100.0, 1e9)] == pytest.approx(
        [1, 1, 2, 4, 4]
    )
