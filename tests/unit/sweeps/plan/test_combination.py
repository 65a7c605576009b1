"""One combination of varied values: its label, its identity, and its values."""

from __future__ import annotations

from sweeps.plan.combination import NOTHING_VARIED, Combination


def test_a_combination_is_known_by_its_values() -> None:
    values = {"lr": 0.003, "qk_norm": True}
    combination = Combination.of(values)
    assert combination.to_dict() == values
    assert combination.label == "lr=0.003,qk_norm=True"
    assert combination.clause == " with lr=0.003,qk_norm=True"
    assert {combination, Combination.of(dict(values))} == {combination}
    assert combination != Combination.of({"lr": 0.003, "qk_norm": False})


def test_nothing_varied_has_no_label() -> None:
    assert (NOTHING_VARIED.label, NOTHING_VARIED.clause, NOTHING_VARIED.to_dict()) == ("", "", {})
    assert Combination.of({}) == NOTHING_VARIED
