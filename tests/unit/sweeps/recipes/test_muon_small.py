"""The recipe of our own small runs with Muon."""

from __future__ import annotations

import pytest

from sweeps.recipes.cpu_small import CPU_SMALL
from sweeps.recipes.ladder import build_shape
from sweeps.recipes.muon_small import MUON_SMALL
from sweeps.recipes.recipe import train_config


def test_shapes_and_batches_are_those_of_cpu_small_and_the_rate_falls_as_the_root_of_the_width() -> None:
    shapes = {width: build_shape(MUON_SMALL, 1024, 128, width) for width in (22, 46, 92)}
    muon, adamw = ({w: train_config(r, s, 3000) for w, s in shapes.items()} for r in (MUON_SMALL, CPU_SMALL))
    assert shapes == {width: build_shape(CPU_SMALL, 1024, 128, width) for width in shapes}
    assert {train.optimizer for train in muon.values()} == {"muon"}
    assert [muon[w].batch for w in shapes] == [adamw[w].batch for w in shapes]
    assert [muon[w].embedding_lr for w in shapes] == [adamw[w].embedding_lr for w in shapes]
    assert muon[92].lr / muon[46].lr == pytest.approx(2**-0.5, rel=0.01)
    assert muon[22].lr > adamw[22].lr and muon[92].lr > 2 * adamw[92].lr
