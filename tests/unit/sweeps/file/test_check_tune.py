"""What a tuning may ask for: each mistake with its key and what to do."""

from __future__ import annotations

import pytest

from sweeps.file.compose import load_sweep
from sweeps.file.problem import SweepError
from sweeps.file.serialise import spec_hash, to_yaml

GRID = "name: t\nbudgets: [1e11, 3e11]\n"


def test_a_sweep_is_a_tuning_by_its_spend() -> None:
    plain = load_sweep(f"{GRID}tune: {{rounds: 3}}\n".encode())
    assert not plain.tune.on and "tune" not in to_yaml(plain)
    tuning = load_sweep(f"{GRID}tune: {{spend: 1e13, search: [lr, batch]}}\n".encode())
    assert tuning.tune.on and tuning.tune.search == ("lr", "batch")
    assert load_sweep(to_yaml(tuning).encode()) == tuning and spec_hash(tuning) != spec_hash(plain)


@pytest.mark.parametrize(
    ("tune", "more", "said"),
    [
        ("{spend: 0}", "", "tune.spend: must be positive"),
        ("{spend: 1e13}", "limits: {flops: 1e12}\n", r"tune.spend: 1e\+13 is above limits.flops"),
        ("{search: []}", "", "tune.search: nothing to search: name some of batch, lr, embedding_lr"),
        ("{search: [lr, lr]}", "", "tune.search: has the same setting twice"),
        ("{search: [lr, batchs]}", "", "tune.search.1: cannot be searched; .* did you mean batch"),
        ("{rounds: 0}", "", "tune.rounds: must lie between 1 and 100"),
        ("{seed: -1}", "", "tune.seed: must lie between 0 and"),
        ("{spend: 1e13}", "vary: {context: [64, 128]}\n", "vary: a tuning searches for one combination"),
        ("{spend: 1e13}", "recipe_check: true\n", "recipe_check: a tuning tests its rules itself"),
        ("{spend: 1e13}", "share_trunks: true\n", "share_trunks: trials share no trunks"),
        ("{spend: 1e13}", "adaptive: {ask: 1e15, spend: 1e13}\n", "adaptive: a tuning gives no law"),
    ],
)
def test_each_mistake_is_named_with_what_to_do(tune: str, more: str, said: str) -> None:
    with pytest.raises(SweepError, match=said):
        load_sweep(f"{GRID}{more}tune: {tune}\n".encode())
