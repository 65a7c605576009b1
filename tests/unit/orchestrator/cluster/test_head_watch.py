"""When a head that does not answer counts as gone."""

from __future__ import annotations

import pytest

from orchestrator.cluster.head_watch import LOOK_SECONDS, HeadLost, HeadWatch
from orchestrator.settings import HEAD_SECONDS


class Head:
    """A head that answers or not, on a clock that is set by hand."""

    def __init__(self) -> None:
        self.now, self.why, self.looks = 100.0, "", 0
        self.watch = HeadWatch("10.0.0.1:6379", HEAD_SECONDS, self.look, lambda: self.now, ": start Ray")

    def look(self) -> str:
        self.looks += 1
        return self.why


def test_a_head_that_answers_is_seldom_looked_at() -> None:
    head = Head()
    for _ in range(100):
        head.now += LOOK_SECONDS / 10
        assert head.watch.answers()
    assert head.looks == 10
    assert head.watch.answers(now=True)
    assert head.looks == 11


def test_a_head_that_is_briefly_away_is_waited_for() -> None:
    head = Head()
    for _ in range(3):  # silence does not add up
        head.why = "connection refused"
        for _ in range(int(HEAD_SECONDS) - 1):
            head.now += 1
            assert head.watch.answers(now=True) is False
        head.why = ""
        assert head.watch.answers()


def test_a_head_that_stays_away_is_gone_and_the_error_says_what_to_do() -> None:
    head = Head()
    head.why = "connection refused"
    with pytest.raises(
        HeadLost, match=r"10\.0\.0\.1:6379 has not answered for 1\d s \(connection refused\): start Ray"
    ):
        for _ in range(20):
            head.now += 1
            head.watch.answers()
    assert head.now - 100 < HEAD_SECONDS + LOOK_SECONDS
