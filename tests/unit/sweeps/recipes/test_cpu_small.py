"""The recipe of our own small runs."""

from __future__ import annotations

import itertools

from model.flops import count_parameters
from sweeps.recipes.cpu_small import CPU_SMALL
from sweeps.recipes.ladder import ladder


def test_small_sweeps_keep_one_depth_and_one_number_of_heads() -> None:
    rungs = ladder(CPU_SMALL, 1024, 128, upto=1e6)
    assert {(rung.n_layers, rung.n_heads) for rung in rungs} == {(CPU_SMALL.layers, CPU_SMALL.heads)}
    sizes = [count_parameters(rung).matmul for rung in rungs if count_parameters(rung).matmul > 8_000]
    assert max(b / a for a, b in itertools.pairwise(sizes)) < 1.35
