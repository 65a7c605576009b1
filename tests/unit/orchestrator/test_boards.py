"""What a board may ask for, and what a forecast must be."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.boards import TEXT_BYTES, Baseline, BoardError, Forecast, Outcome, about, closing_time
from tests.unit.orchestrator.use_cases.board_homes import asked, forecasts

GOOD = Forecast(1e5, 1e7, 3.0, 2.9, 3.1)
NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "message", "field"),
    [
        ({"flops": math.inf}, "a number of FLOPs above 0", "flops"),
        ({"entries": 0}, "from 1 to 100 entries", "entries"),
        ({"text": " \n"}, "needs a hidden validation file", "text"),
        ({"target": 1e9}, "and no target", "text"),
        ({"text": "ö" * (TEXT_BYTES // 2 + 1)}, "at most 192 KiB", "text"),
    ],
)
def test_a_board_without_a_meaning_is_refused(changes: dict[str, object], message: str, field: str) -> None:
    asked().check()
    with pytest.raises(BoardError, match=message) as caught:
        asked(**changes).check()
    assert caught.value.field == field


def test_what_an_error_is_about_is_said_once() -> None:
    with pytest.raises(BoardError) as caught, about("outer"), about("inner"):
        raise BoardError("no")
    assert caught.value.field == "inner"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW + timedelta(minutes=90)),
        ("1.5d", NOW + timedelta(hours=36)),
        ("2026-12-24T18:00+01:00", datetime(2026, 12, 24, 17, tzinfo=UTC)),
    ],
)
def test_a_closing_time_is_a_moment_or_from_now_on(text: str, moment: datetime) -> None:
    assert closing_time(text, NOW) == moment


@pytest.mark.parametrize("text", ["2026-12-24T18:00", "soon", "", "0001-01-01T00:00+23:59", "1e9d"])
def test_a_time_without_its_zone_is_refused(text: str) -> None:
    with pytest.raises(BoardError, match="give one with its zone"):
        closing_time(text, NOW)


@pytest.mark.parametrize("changes", [{"target": None}, {"target": math.nan}, {"text": "x"}])
def test_a_board_of_forecasts_needs_a_target_alone(changes: dict[str, object]) -> None:
    forecasts("d").check()
    with pytest.raises(BoardError, match="needs a target"):
        forecasts("d", **changes).check()


@pytest.mark.parametrize("changes", [{"params": -1.0}, {"high": math.inf}, {"low": 3.05}, {"low": 3.0, "high": 3.0}])
def test_a_forecast_has_positive_numbers_and_an_interval_around_its_loss(changes: dict[str, float]) -> None:
    GOOD.check()
    with pytest.raises(BoardError):
        replace(GOOD, **changes).check()


def test_what_is_stored_as_json_comes_back() -> None:
    baseline = Baseline("lab@1", (1.0, 2.0), (3.0, 2.5), (0.1, 0.2), 7.5, None, 0)
    assert Baseline.from_dict(baseline.to_dict() | {"losses": [3.0, 2.5]}) == baseline
    outcome = Outcome("truth@1", 10, 20, 3.0, 2, 0.1, 4)
    assert Outcome.from_dict(outcome.to_dict()) == outcome
