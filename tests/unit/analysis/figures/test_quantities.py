"""What is drawn against compute: three quantities, each read off answers, minima and runs."""

from __future__ import annotations

from analysis.figures.quantities import LOSS, PARAMS, QUANTITIES, TOKENS
from analysis.law import Law


def test_each_quantity_reads_its_own_field(fitted: Law) -> None:
    answer, curve = fitted.predict(1e12), fitted.curves[1]
    for quantity in QUANTITIES:
        assert quantity.of(answer) == getattr(answer, quantity.name)
        assert quantity.interval(answer) == getattr(answer, f"{quantity.name}_interval")
        assert quantity.at(curve.minima[0]) == getattr(curve.minima[0], quantity.name)
    assert PARAMS.of_runs(curve) == curve.params
    assert TOKENS.of_runs(curve) == curve.tokens
    assert LOSS.of_runs(curve) == curve.losses


def test_only_the_loss_is_linear_and_values_are_written_in_the_shared_words() -> None:
    assert [quantity.log for quantity in QUANTITIES] == [True, True, False]
    assert [quantity.write(69600.0) for quantity in QUANTITIES] == ["69.6 k", "69.6 k", "69600.000"]
    assert [quantity.symbol for quantity in QUANTITIES] == ["N*", "D*", "L*"]
