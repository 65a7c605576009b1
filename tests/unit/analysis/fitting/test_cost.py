"""TokenCost: nodes, their continuation, what is read off a table, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.fitting.cost import TokenCost
from analysis.records import LawError
from tests.unit.analysis.law_tables import SMALL_COST, small, table


class TestTokenCost:
    def test_nodes_are_met_and_k_tends_to_six(self) -> None:
        assert SMALL_COST.flops_per_token(4e4) == pytest.approx(2.74e5)
        for params in (1e6, 1e8, 1e12):
            assert 6 < SMALL_COST.flops_per_token(params) / params < 6.4
        assert SMALL_COST.flops_per_token(1e12) / 1e12 < SMALL_COST.flops_per_token(1e6) / 1e6
        assert 7.1 < SMALL_COST.flops_per_token(5e3) / 5e3 < 12

    @settings(max_examples=60, deadline=None)
    @given(start=st.floats(3, 12), factor=st.floats(1.001, 3))
    def test_flops_always_rise_with_size(self, start: float, factor: float) -> None:
        low, high = SMALL_COST.flops_per_token([10**start, 10**start * factor])
        assert high > low

    def test_the_slope_is_the_derivative(self) -> None:
        log_n = np.log([5e3, 2.1e4, 7e4, 2.9e5, 1e7])
        ahead, behind = (np.log(SMALL_COST.flops_per_token(np.exp(log_n + h))) for h in (1e-6, -1e-6))
        assert np.allclose(SMALL_COST.slope(log_n), (ahead - behind) / 2e-6, atol=1e-5)

    def test_k_is_read_off_a_table(self) -> None:
        constant = table(cost=TokenCost.constant(6.3))
        assert TokenCost.from_table(constant).flops_per_token(1e9) == pytest.approx(6.3e9)
        falling = table(truth=small, budgets=(1e11, 3e11, 1e12), cost=SMALL_COST)
        for params in (3e4, 1e5, 2e5):
            found = TokenCost.from_table(falling).flops_per_token(params)
            assert found == pytest.approx(SMALL_COST.flops_per_token(params), rel=0.01)

    @pytest.mark.parametrize("k", [0.0, -6.0, float("nan")])
    def test_nonsense_is_refused(self, k: float) -> None:
        with pytest.raises(LawError):
            TokenCost.constant(k)
        with pytest.raises(LawError):
            TokenCost((1.0, 2.0), (2.0, 1.0))
        with pytest.raises(LawError):
            TokenCost((), ())
