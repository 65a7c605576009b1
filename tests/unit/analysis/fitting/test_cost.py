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


def test_nodes_come_in_any_order_and_repeats_are_averaged() -> None:
    cost = TokenCost.from_nodes([1e6, 1e4, 1e4], [6.5e6, 7e4, 8e4])
    assert len(cost.log_params) == 2 and cost.log_params[0] < cost.log_params[1]
    assert cost.flops_per_token(1e4) == pytest.approx(np.sqrt(7e4 * 8e4))
    assert cost.flops_per_token([1e4, 1e6]).shape == (2,)


def test_tokens_are_what_a_budget_pays_for() -> None:
    cost = TokenCost.constant(6)
    assert cost.tokens(6e12, 1e6) == pytest.approx(1e6)
    assert cost.tokens([6e12, 1.2e13], [1e6, 1e6]).tolist() == pytest.approx([1e6, 2e6])
    assert cost.log_k(np.log([1e3, 1e9])) == pytest.approx(np.log([6, 6]))
    assert cost.slope(np.log([1e3, 1e9])) == pytest.approx([1, 1])


def test_beyond_the_nodes_the_excess_over_six_goes_on_as_a_power_law() -> None:
    cost = TokenCost.from_nodes([1e4, 1e5, 1e6], [8e4, 7e5, 6.5e6])
    assert cost.flops_per_token(1e7) / 1e7 == pytest.approx(6.25)
    assert cost.flops_per_token(1e3) / 1e3 == pytest.approx(10.0)
    steep = TokenCost.from_nodes([1e4, 2e4], [3e5, 3.1e5])
    assert steep.flops_per_token(1e3) / 1e3 == pytest.approx(6 + 24 * 10**0.8)
    rising = TokenCost.from_nodes([1e4, 1e5], [6.5e4, 7e5])
    assert rising.flops_per_token(1e6) == pytest.approx(7e6) and rising.flops_per_token(1e3) == pytest.approx(6.5e3)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (((0.0, 1.0), (0.0,)), "as many ln F as ln N"),
        (((0.0, float("nan")), (0.0, 1.0)), "finite and ascend"),
        (((0.0, 0.0), (0.0, 1.0)), "finite and ascend"),
        (((0.0, 1.0), (1.0, 1.0)), "must rise with N"),
    ],
)
def test_nodes_without_a_meaning_are_refused(nodes: tuple[tuple[float, ...], ...], words: str) -> None:
    with pytest.raises(LawError, match=words):
        TokenCost(*nodes)


def test_tables_whose_k_does_not_clearly_fall_are_constant() -> None:
    assert TokenCost.from_table(table(noise=0.0)).log_flops == pytest.approx(np.log([6.0]))
    below = table(cost=TokenCost.constant(5.0))
    assert TokenCost.from_table(below).flops_per_token(1e9) == pytest.approx(5e9)
    rising = table(cost=TokenCost.from_nodes([1e7, 1e10], [6.2e7, 7e10]))
    assert len(TokenCost.from_table(rising).log_params) == 1
