"""A run's identity, and the refusal of configurations that cannot work."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from model.config import ConfigError, ModelConfig, RunConfig, TrainConfig, phase_steps
from model.trunk_states import branch_points
from tests.unit.model.model_data import SHAPE

MODEL = {"vocab": 64, "context": 32, "d_model": 16, "n_layers": 2, "n_heads": 2, "d_ff": 32}
TRAIN = {"sequences": 8, "batch": 4, "lr": 0.01}


def run_of(model: dict, train: dict) -> RunConfig:
    return RunConfig(ModelConfig(**MODEL | model), TrainConfig(**TRAIN | train), "d")


def test_run_survives_json() -> None:
    run = run_of({}, {"embedding_lr": 0.02})
    assert RunConfig.from_dict(json.loads(json.dumps(run.to_dict()))) == run


def test_identity_is_pinned() -> None:
    first = dataclasses.replace(run_of({}, {}), math_version=1)
    assert first.run_id == "a5509c533e71fb80", "stored runs would lose their identity: see decision 2"


def test_newer_fields_at_their_default_are_left_out_and_come_back() -> None:
    """Else older runs would lose their identity."""
    newer = {"kv_heads", "window", "window_pattern", "warmup_steps", "optimizer", "momentum"}
    assert not newer & {*run_of({}, {}).to_dict()["model"], *run_of({}, {}).to_dict()["train"]}
    changed = run_of({"kv_heads": 1, "window": 8, "window_pattern": "SL"}, {"optimizer": "muon", "momentum": 0.9})
    assert newer - {"warmup_steps"} <= {*changed.to_dict()["model"], *changed.to_dict()["train"]}
    assert RunConfig.from_dict(json.loads(json.dumps(changed.to_dict()))) == changed


@pytest.mark.parametrize(
    ("model", "train"),
    [
        ({"kv_heads": 2}, {}),
        ({"window": 32}, {}),
        ({"window": 10**30}, {}),
        ({"window": 8, "window_pattern": "L"}, {}),
        ({"window_pattern": "SSSL"}, {}),
        ({}, {"momentum": 0.5}),
    ],
)
def test_what_changes_nothing_is_the_same_run(model: dict, train: dict) -> None:
    """As many heads of keys as of queries, a window of the context, a pattern without a window, AdamW's momentum."""
    assert run_of(model, train) == run_of({}, {})


@pytest.mark.parametrize(
    ("pattern", "layers", "expected"),
    [
        ("S", 3, [8, 8, 8]),
        ("SSSL", 6, [8, 8, 8, 32, 8, 32]),
        ("SSSL", 4, [8, 8, 8, 32]),
        ("LS", 4, [32, 8, 32, 32]),
        ("SL", 1, [32]),
    ],
)
def test_windows_follow_the_pattern_and_the_last_block_sees_all(pattern: str, layers: int, expected: list[int]) -> None:
    shape = ModelConfig(**MODEL | {"n_layers": layers, "window": 8, "window_pattern": pattern})
    assert list(shape.windows) == expected
    assert not shape.plain_attention
    assert ModelConfig(**MODEL).plain_attention and ModelConfig(**MODEL).windows == (32, 32)


def test_sizes_of_grouped_heads() -> None:
    grouped = ModelConfig(**MODEL | {"n_heads": 4, "kv_heads": 2})
    assert (grouped.head_size, grouped.kv_size, grouped.plain_attention) == (4, 8, False)
    assert ModelConfig(**MODEL).kv_size == 16


def test_equal_numbers_are_the_same_run() -> None:
    assert run_of({"rope_base": 10_000}, {"lr": 1}).run_id == run_of({"rope_base": 1e4}, {"lr": 1.0}).run_id
    assert run_of({"d_ff": 32.0}, {}).run_id == run_of({}, {}).run_id


@pytest.mark.parametrize(
    ("model", "train"),
    [
        ({"kv_heads": 1}, {}),
        ({"window": 8}, {}),
        ({"window": 8, "window_pattern": "SL"}, {}),
        ({"mlp": "relu2"}, {}),
        ({}, {"optimizer": "muon"}),
        ({}, {"optimizer": "muon", "momentum": 0.9}),
        ({"d_ff": 33}, {}),
        ({"qk_norm": False}, {}),
        ({}, {"seed": 1}),
        ({}, {"lr": 0.011}),
        ({}, {"numerics": "bf16"}),
    ],
)
def test_every_field_is_part_of_the_identity(model: dict, train: dict) -> None:
    assert run_of(model, train).run_id != run_of({}, {}).run_id


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("model", "d_model", 15),
        ("model", "n_heads", 16),
        ("model", "mlp", "relu"),
        ("model", "kv_heads", 3),
        ("model", "kv_heads", -1),
        ("model", "window", -1),
        ("model", "window_pattern", ""),
        ("model", "window_pattern", "SSX"),
        ("train", "optimizer", "sgd"),
        ("train", "momentum", 1.0),
        ("model", "vocab", 0),
        ("model", "d_ff", 1.5),
        ("model", "qk_norm", "yes"),
        ("model", "rope_base", -1),
        ("model", "norm_eps", 0),
        ("model", "experts", 0),
        ("model", "experts", 1.5),
        ("model", "active", 0),
        ("model", "balance", "loss"),
        ("model", "balance_weight", -0.1),
        ("train", "lr", float("nan")),
        ("train", "lr", float("inf")),
        ("train", "lr", "0.1"),
        ("train", "lr", 10**400),
        ("train", "sequences", 10**400),
        ("train", "seed", -1),
        ("train", "seed", 2**63),
        ("train", "embedding_lr", -0.1),
        ("train", "batch", 0),
        ("train", "warmup", 0.9),
        ("train", "schedule", "linear"),
        ("train", "numerics", "fp8"),
        ("train", "beta2", 1.0),
        ("train", "clip", -1),
    ],
)
def test_bad_value_is_refused_by_name(section: str, field: str, value: object) -> None:
    named = "head size" if field == "n_heads" else field
    with pytest.raises(ConfigError, match=named):
        more = {"optimizer": "muon"} if field == "momentum" else {}
        run_of({field: value} if section == "model" else {}, {field: value, **more} if section == "train" else {})


def test_more_active_experts_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.active is 5, above model\.experts = 4"):
        run_of({"experts": 4, "active": 5}, {})


@pytest.mark.parametrize(
    ("model", "same"),
    [
        ({"experts": 1}, {}),
        ({"active": 3, "balance": "bias", "balance_weight": 0.5}, {}),
        ({"experts": 4, "active": 1, "balance": "auxiliary"}, {"experts": 4}),
        ({"experts": 4, "balance": "none", "balance_weight": 0.5}, {"experts": 4, "balance": "none"}),
    ],
)
def test_routing_without_effect_is_the_same_run(model: dict, same: dict) -> None:
    assert run_of(model, {}) == run_of(same, {})
    assert run_of(model, {}).run_id == run_of(same, {}).run_id


def test_every_field_of_experts_is_part_of_the_identity_and_survives_json() -> None:
    mixed = {"experts": 4}
    changes = ({}, {"experts": 8}, {"active": 2}, {"balance": "bias"}, {"balance": "none"}, {"balance_weight": 0.1})
    runs = [run_of({}, {}), *(run_of(mixed | change, {}) for change in changes)]
    assert len({run.run_id for run in runs}) == len(runs)
    assert [RunConfig.from_dict(json.loads(json.dumps(run.to_dict()))) for run in runs] == runs


def test_steps_count_the_partial_one() -> None:
    assert [TrainConfig(**TRAIN | {"sequences": n}).steps for n in (1, 4, 5, 8)] == [1, 1, 2, 2]


def test_config_and_flops_load_no_torch() -> None:
    code = "import sys, model.config, model.flops, model.implementation; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"sequences": 300}, True),
        ({"cooldown": 0.3}, True),
        ({"final_lr": 0.1}, True),
        ({"warmup": 0.3}, True),
        ({"warmup_steps": 4}, False),
        ({"seed": 1}, False),
        ({"lr": 0.02}, False),
        ({"batch": 5}, False),
        ({"numerics": "bf16"}, False),
    ],
)
def test_identity_of_a_trunk_leaves_out_length_and_cooldown_alone(change: dict, same: bool) -> None:
    base = TrainConfig(sequences=200, batch=4, lr=0.01, warmup_steps=3)
    run, other = (RunConfig(SHAPE, part, "d") for part in (base, dataclasses.replace(base, **change)))
    assert (run.trunk_id == other.trunk_id) is same
    assert run.run_id != other.run_id


def test_warmup_as_a_share_is_shared_where_it_gives_equal_steps() -> None:
    runs = [RunConfig(SHAPE, TrainConfig(n, 4, 0.01, warmup=0.02), "d") for n in (100, 120, 4000)]
    assert [phase_steps(run.train)[0] for run in runs] == [1, 1, 20]
    assert runs[0].trunk_id == runs[1].trunk_id != runs[2].trunk_id
    assert branch_points([*runs, runs[0]]) == {runs[0].trunk_id: (20, 24)}


def test_cosine_has_no_trunk() -> None:
    run = RunConfig(SHAPE, TrainConfig(100, 4, 0.01, schedule="cosine"), "d")
    assert run.trunk_id is None
    assert branch_points([run, dataclasses.replace(run, dataset="e")]) == {}


def test_warmup_in_steps_is_part_of_the_identity_and_survives_json() -> None:
    run = RunConfig(SHAPE, TrainConfig(100, 4, 0.01, warmup_steps=2.0), "d")
    assert run.to_dict()["train"]["warmup_steps"] == 2
    assert RunConfig.from_dict(json.loads(json.dumps(run.to_dict()))) == run
    assert run.run_id != RunConfig(SHAPE, TrainConfig(100, 4, 0.01), "d").run_id


def test_the_largest_seed_trains() -> None:
    assert run_of({}, {"seed": 2**63 - 1}).train.seed == 2**63 - 1
