"""The replay of published tables: each rule beside the whole pool, and a replay that goes on where it ended."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.fitting.local_minima import LocalMinimum, local_minima
from benchmarks.suggest_replay import WHOLE, main, replay, summary
from benchmarks.suggest_rules import RULES, Answer, Case
from tests.unit.analysis.law_tables import table

WHOLE_ANSWER = Answer((20.71, 2.51), (0.1, 0.02))


@pytest.fixture(scope="module")
def case() -> Case:
    pool = table(noise=0.004)
    return Case("simulated", pool, 3e20, LocalMinimum(20.7, 2.5, 0.05, 0.005), local_minima(pool))


def test_the_whole_pool_is_the_measure(case: Case) -> None:
    rows = list(replay(case, WHOLE_ANSWER, 0, [], [0.3]))
    assert [row["rule"] for row in rows] == [WHOLE]
    assert rows[0]["params_error"] == pytest.approx(0.01)
    assert rows[0]["params_ratio"] == pytest.approx(0.5)
    assert rows[0]["loss_ratio"] == rows[0]["loss_width"] == 1
    assert rows[0]["loss_covered"]


@pytest.mark.slow
def test_a_replay_compares_each_rule_with_the_whole_pool(case: Case) -> None:
    text = summary(pd.DataFrame(replay(case, WHOLE_ANSWER, 0, list(RULES), [0.3])))
    for name in RULES:
        assert f"| {name} | 30% |" in text


@pytest.mark.slow
def test_a_replay_goes_on_where_its_answers_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "answers.csv"
    ask = ["--worlds", "--rules", "random", "--out", str(out), "--starts"]
    main([*ask, "1"])
    first = pd.read_csv(out)
    main([*ask, "2"])
    both = pd.read_csv(out)
    assert set(both.start) == {0, 1}
    pd.testing.assert_frame_equal(both[both.start == 0], first)
