"""Where runs branch off a trunk, and the names of its states."""

from __future__ import annotations

from model.config import RunConfig, TrainConfig
from model.trunk_states import branch_points, state_name, state_step
from tests.unit.model.model_data import SHAPE


def test_runs_that_share_a_trunk_branch_off_at_their_cooldowns() -> None:
    runs = [RunConfig(SHAPE, TrainConfig(n, 4, 0.01, warmup_steps=2), "d") for n in (100, 200, 100)]
    assert branch_points(runs) == {runs[0].trunk_id: (20, 40)}
    assert branch_points(runs[:1]) == {}, "shared with nobody"


def test_a_name_tells_the_step_and_the_way_of_computing() -> None:
    name = state_name(17, {"branches": "native"})
    assert state_step(name) == 17 and name != state_name(17, {"branches": "handwritten"})
    assert [state_step(other) for other in ("branch-x.ckpt", "step-000000017.ckpt", "branch-000000017-a.txt")] == [
        None
    ] * 3
