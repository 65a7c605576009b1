"""Token windows of each step: the same order for every batch size, on a CPU and on a device."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from model import batches as batches_module
from model.batches import Batches, DataError, _resident, check_data, windows_at
from tests.unit.model.model_data import CPU, SHAPE, small_run, write_mix
from tokenizer.mixing import domains_of, mixed_indices
from tokenizer.shards import Shards
from tokenizer.windows import gather, sequence_count, sequence_indices


@pytest.mark.parametrize("batch", [1, 3, 5, 2000])
def test_order_of_the_data_does_not_depend_on_the_batch(data: Shards, batch: int) -> None:
    one = Batches(small_run(data, sequences=2500, batch=1), data, CPU)
    several = Batches(small_run(data, sequences=2500, batch=batch), data, CPU)
    for step in (0, 7, 1) if batch < 300 else (0, 1):
        expected = [one.at(position)[0] for position in range(step * batch, min((step + 1) * batch, 2500))]
        assert torch.equal(several.at(step), torch.stack(expected))


def test_resident_tokens_give_the_same_windows(data: Shards) -> None:
    big = np.array([1, 65_535, 40_000, 2, 3, 4, 5, 6, 7], dtype=np.uint16)
    for tokens, context in ((data.train, 32), (big, 4)):
        indices = np.arange(sequence_count(len(tokens), context), dtype=np.int64)[::-1].copy()
        expected = torch.from_numpy(gather(tokens, indices, context))
        assert torch.equal(windows_at(_resident(tokens, CPU), indices, context, CPU), expected)


def test_last_step_may_be_partial(data: Shards) -> None:
    batches = Batches(small_run(data, sequences=7, batch=4), data, CPU)
    assert batches.at(0).shape == (4, 33) and batches.at(1).shape == (3, 33)
    assert batches.at(0).dtype == torch.int64


def test_steps_follow_the_keyed_order(data: Shards) -> None:
    run = small_run(data, seed=9)
    order = sequence_indices(9, 8, 4, sequence_count(len(data.train), 32))
    assert torch.equal(Batches(run, data, CPU).at(2), torch.from_numpy(gather(data.train, order, 32)))


def test_several_steps_are_fetched_at_once(data: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[int] = []

    def count(seed: int, first: int, count: int, windows: int) -> np.ndarray:
        fetched.append(count)
        return sequence_indices(seed, first, count, windows)

    monkeypatch.setattr(batches_module, "sequence_indices", count)
    batches = Batches(small_run(data, sequences=2500, batch=500), data, CPU)
    for step in range(5):
        batches.at(step)
    assert fetched == [1000, 1000, 500]


def test_data_that_fit_pass(data: Shards) -> None:
    check_data(small_run(data), data)
    check_data(small_run(data, dataclasses.replace(SHAPE, context=2999)), data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "other"}, "the run names dataset other, the folder .* holds"),
        ({"model": dataclasses.replace(SHAPE, vocab=63)}, "the tokenizer has 64 entries, the model's vocab only 63"),
        (
            {"model": dataclasses.replace(SHAPE, context=3000)},
            "the validation split .* has 3000 tokens, fewer than one",
        ),
        ({"model": dataclasses.replace(SHAPE, context=20_000)}, "the train split"),
    ],
)
def test_data_that_do_not_fit_are_refused(data: Shards, change: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_data(dataclasses.replace(small_run(data), **change), data)


def test_a_mix_is_read_by_weight_whatever_the_batch(tmp_path: Path) -> None:
    mix = write_mix(tmp_path)
    run = small_run(mix, sequences=400, batch=7)
    batches = Batches(run, mix, CPU)
    read = torch.cat([batches.at(step) for step in range(58)])
    places = mixed_indices(run.train.seed, 0, 400, domains_of(mix.manifest.domains, 32))
    assert torch.equal(read, windows_at(mix.train, places, 32, CPU))
    assert int((places < 12_000 // 32).sum()) == pytest.approx(300, abs=3)


@pytest.mark.parametrize(
    ("part", "words"), [("domains", "the domain b of .* has 30"), ("sets", "the validation set a")]
)
def test_a_domain_or_set_without_a_sequence_is_refused(tmp_path: Path, part: str, words: str) -> None:
    mix = write_mix(tmp_path)
    if part == "sets":
        short = dataclasses.replace(mix, sets={"a": mix.sets["a"][:30]})
    else:
        facts = {"a": {"tokens": 19_970, "weight": 0.5}, "b": {"tokens": 30, "weight": 0.5}}
        short = dataclasses.replace(mix, manifest=dataclasses.replace(mix.manifest, domains=facts))
    with pytest.raises(DataError, match=f"{words}.* tokens, fewer than one sequence of 32"):
        check_data(small_run(mix), short)
