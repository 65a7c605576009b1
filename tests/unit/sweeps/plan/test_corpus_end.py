"""A corpus that ends first: up to where it reaches, and what is typed to reach further does."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sweeps.plan.candidates import candidates
from sweeps.plan.corpus_end import CurvePasses, corpus_end, data_for_law
from tests.unit.sweeps.plans import facts, spec_of

CURVES = (
    CurvePasses(1e11, (0.2, 0.3, 0.4, 0.5, 0.9), 0.5),
    CurvePasses(3e11, (0.4, 0.5, 0.6, 0.9, 1.8), 0.9),
    CurvePasses(1e12, (0.7, 0.9, 1.1, 1.4, 3.1), 1.401),
    CurvePasses(3e12, (1.1, 1.4, 1.9, 2.5, 5.0), 2.5),
)
ENOUGH = 10_000_000


def test_it_names_the_largest_whole_curve_and_the_passes_that_give_more() -> None:
    assert corpus_end(CURVES, 1.0) == (
        "the corpus ends first: whole curves reach 3e11 FLOPs with epochs_max = 1; epochs_max=1.41 or 1.41 times the "
        "text gives that of 1e12, epochs_max=2.5 all up to 3e12; or ask at 3e11"
    )


def test_budgets_that_the_spend_cannot_open_do_not_count() -> None:
    assert corpus_end(CURVES, 1.0, 2.9e12) == ""
    assert corpus_end(CURVES, 1.0, 3e12).endswith("gives that of 1e12; or ask at 3e11")
    assert corpus_end(CURVES, 2.5) == ""


def test_no_whole_curve_and_more_passes_than_any_sweep_may_have() -> None:
    said = corpus_end(CURVES, 0.0005)
    assert "no budget has a whole curve with epochs_max = 0.0005; epochs_max=0.5 or 1000 times the text" in said
    assert "ask at" not in said
    far = corpus_end([CurvePasses(1e11, (1.0,), 1.0), CurvePasses(3e11, (2e3,), 2e3)], 2.0)
    assert "; 1000 times the text gives that of 3e11" in far and "epochs_max=" not in far


def test_a_law_needs_five_sizes_at_three_budgets() -> None:
    assert data_for_law(CURVES, 1.0) == "epochs_max=3.1 or 3.1 times the text gives 3 budgets 5 sizes each"
    assert data_for_law(CURVES, 3.1) == ""
    assert data_for_law(CURVES[:2], 0.1) == "", "of two budgets no data make three"


@pytest.mark.parametrize("tokens", [700_000, 1_200_000])
def test_what_is_typed_does(tokens: int) -> None:
    spec = spec_of()
    said = candidates(spec, facts(tokens), 1e14).stopped
    first, every = (float(text) for text in re.findall(r"epochs_max=([\d.]+)", said))
    budget = float(re.findall(r"gives that of ([\de.]+),", said)[0])
    assert candidates(replace(spec, epochs_max=every), facts(tokens), 1e14).stopped == ""
    assert candidates(replace(spec, epochs_max=every - 0.02), facts(tokens), 1e14).stopped
    assert f"curves reach {budget:g}".replace("+", "") in candidates(
        replace(spec, epochs_max=first), facts(tokens), 1e14
    ).stopped.replace("+", "")
    assert candidates(spec, facts(round(tokens * every)), 1e14).stopped == ""
    asked = re.findall(r"or ask at ([\de.]+)", said)
    assert not asked or candidates(spec, facts(tokens), float(asked[0])).stopped == ""


def test_a_budget_of_which_nothing_can_be_built_has_no_whole_curve() -> None:
    curves = [CurvePasses(1e9, (), 0.0), CurvePasses(4e9, (1.0, 9.0), 9.0)]
    assert corpus_end(curves, 4).startswith("the corpus ends first: no budget has a whole curve with epochs_max = 4; ")
    assert "ask at" not in corpus_end(curves, 4)
