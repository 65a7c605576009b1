"""The bodies of boards: times with a zone, known keys, and the records that they become."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from orchestrator.api.board_schemas import BoardAsked, EntryAsked, RosterAsked
from orchestrator.boards import Metric
from orchestrator.people import Quota

BODY = {
    "name": "b",
    "metric": "forecast",
    "corpus": "lab",
    "flops": 1e9,
    "closes": "2030-01-01T00:00:00Z",
    "target": 1e9,
}


def test_a_body_becomes_a_board() -> None:
    board = BoardAsked.model_validate(BODY).asked()
    assert (board.name, board.metric, board.closes_at, board.target) == ("b", Metric.FORECAST, 1893456000.0, 1e9)


@pytest.mark.parametrize("changes", [{"closes": "2030-01-01T00:00:00"}, {"flops": 0}, {"metric": "luck"}, {"prize": 1}])
def test_what_has_no_meaning_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BoardAsked.model_validate(BODY | changes)


def test_a_forecast_and_a_quota() -> None:
    typed = {"params": 1, "tokens": 2, "loss": 3, "low": 2, "high": 4}
    forecast = EntryAsked.model_validate({"forecast": typed}).as_forecast()
    assert forecast is not None and (forecast.params, forecast.high) == (1, 4)
    assert EntryAsked.model_validate({"runs": ["a"]}).as_forecast() is None
    assert RosterAsked.model_validate({"names": ["a"], "hours": 2}).quota() == Quota(None, 7200.0, None)
