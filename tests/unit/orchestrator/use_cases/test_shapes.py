"""A buildable shape lands on its budget in whole sequences."""

from __future__ import annotations

import pytest

from model.flops import count_parameters, flops_per_token
from orchestrator.use_cases.shapes import buildable_shape
from tests.unit.model.model_data import SHAPE


def test_a_shape_has_its_own_counts() -> None:
    found = buildable_shape(SHAPE, 1e9)
    assert (found.d_model, found.n_layers, found.params) == (16, 2, count_parameters(SHAPE).matmul)
    assert found.tokens % SHAPE.context == 0
    assert found.flops == found.tokens * flops_per_token(SHAPE) == pytest.approx(1e9, rel=0.01)
    assert buildable_shape(SHAPE, 1.0).tokens == SHAPE.context, "one sequence at least"
