"""Where settings are searched, and how a point becomes an optimisation."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from model.config import TrainConfig
from sweeps.file.spec import TuneSpec
from sweeps.plan.records import PlanError
from sweeps.tune.cells import field_of
from sweeps.tune.settings import box_of, point_of, train_at
from tests.unit.sweeps.plans import FACTS, spec_of

NAMES = ("batch", "lr", "weight_decay", "warmup")
TRAIN = TrainConfig(sequences=4000, batch=8, lr=0.01, embedding_lr=0.06)


def test_a_search_reaches_sixteen_times_to_each_side_where_the_cell_allows_it() -> None:
    box = box_of(NAMES, TRAIN, 128, 100)
    low, high = np.exp(box.low), np.exp(box.high)
    assert low == pytest.approx([128, 0.01 / 16, 0.025, 0.005]), "no batch is below one sequence"
    assert high == pytest.approx([40 * 128, 0.16, 0.4, 0.08]), "no batch leaves fewer than 100 steps"
    assert np.exp(box.start) == pytest.approx([1024, 0.01, 0.1, 0.02])
    assert np.exp(box.clipped(np.full(4, 99.0))) == pytest.approx(high)


def test_a_start_beyond_the_ends_is_searched_about_itself() -> None:
    """A batch of 8 where at most 2 leave enough steps: the search reaches as far down as from 8."""
    box = box_of(("batch",), TRAIN, 128, 2000)
    assert np.exp([box.low[0], box.start[0], box.high[0]]) == pytest.approx([128, 256, 256])
    wide = box_of(("warmup",), dataclasses.replace(TRAIN, warmup=0.5), 128, 100)
    assert np.exp([wide.low[0], wide.start[0], wide.high[0]]) == pytest.approx([0.125, 0.3, 0.3])


def test_a_point_is_an_optimisation_and_back() -> None:
    model = field_of(spec_of(), FACTS).cells[0].model
    made = train_at(NAMES, np.log([700.0, 0.0123456, 0.2, 0.05]), TRAIN, model)
    assert (made.batch, made.lr, made.weight_decay, made.warmup) == (5, 0.01235, 0.2, 0.05)
    assert made.embedding_lr == TRAIN.embedding_lr, "what is not searched stays"
    assert point_of(NAMES, made, model.context) == pytest.approx([math.log(v) for v in (640, 0.01235, 0.2, 0.05)])


def test_settings_that_the_recipe_lacks_are_not_searched() -> None:
    without = {"embedding_lr": 0.0, "weight_decay": 0.0}
    assert field_of(spec_of(recipe_overrides=without), FACTS).names == ("batch", "lr", "warmup")
    only = TuneSpec(search=("embedding_lr", "weight_decay"))
    with pytest.raises(PlanError, match="nothing to search: recipe cpu-small has embedding_lr, weight_decay at 0"):
        field_of(spec_of(recipe_overrides=without, tune=only), FACTS)
