"""Published laws give their published figures."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.answers.published import PUBLISHED, published_at
from analysis.records import LawError


def test_published_laws_give_their_published_figures() -> None:
    kaplan, hoffmann_law = PUBLISHED["kaplan2020"].predict(86400e15), PUBLISHED["hoffmann2022"].predict(5.76e23)
    assert kaplan.params == pytest.approx(1.3e9)
    assert kaplan.tokens == pytest.approx(2e10)
    assert hoffmann_law.params == pytest.approx(3.2e10, rel=0.1)
    for law in PUBLISHED.values():
        answer = law.predict(1e22)
        assert law.source and law.convention
        assert 1e8 < answer.params < 1e12
        assert 1e10 < answer.tokens < 1e13
    besiroglu = PUBLISHED["besiroglu2024"].predict(5.76e23)
    assert besiroglu.params * besiroglu.tokens * 6 == pytest.approx(5.76e23)  # type: ignore[operator]


def test_an_answer_says_how_far_outside_its_budgets_it_is() -> None:
    hoffmann = PUBLISHED["hoffmann2022"]
    assert hoffmann.predict(1e20).extrapolation == 1
    assert hoffmann.predict(6e16).extrapolation == pytest.approx(100)
    assert hoffmann.predict(3e22).extrapolation == pytest.approx(10)
    assert PUBLISHED["kaplan2020"].predict(1e20).extrapolation is None


def test_a_law_of_one_quantity_gives_the_other_by_the_tie() -> None:
    llama = PUBLISHED["llama3"].predict(1e22)
    assert llama.tokens == pytest.approx(0.29 * 1e22**0.53)
    assert 6 * llama.params * llama.tokens == pytest.approx(1e22)
    assert llama.loss is None
    besiroglu = PUBLISHED["besiroglu2024"]
    answer = besiroglu.predict(1e22)
    sizes = answer.params * np.exp(np.linspace(-0.5, 0.5, 201))
    losses = besiroglu.losses(sizes, 1e22 / 6 / sizes)
    assert int(np.argmin(losses)) == 100 and answer.loss == pytest.approx(float(losses[100]))


def test_what_has_no_answer_is_refused() -> None:
    with pytest.raises(LawError, match="positive number of FLOPs, not 0"):
        published_at(0.0)
    with pytest.raises(LawError, match="kaplan2020 gives no loss"):
        PUBLISHED["kaplan2020"].losses(np.array([1e9]), np.array([1e10]))
    assert [answer.name for answer in published_at(1e20)] == list(PUBLISHED)


def test_a_loss_above_that_of_a_uniform_guess_is_none() -> None:
    hoffmann = PUBLISHED["hoffmann2022"]
    near, far = hoffmann.predict(1e14), hoffmann.predict(1e9)
    assert near.loss is not None and near.loss < np.log(2**18)
    assert far.loss is None and far.params > 1
