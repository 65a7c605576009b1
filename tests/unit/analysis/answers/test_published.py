"""Published laws give their published figures."""

from __future__ import annotations

import pytest

from analysis.answers.published import PUBLISHED


def test_published_laws_give_their_published_figures() -> None:
    kaplan, hoffmann_law = PUBLISHED["kaplan2020"].predict(86400e15), PUBLISHED["hoffmann2022"].predict(5.76e23)
    assert kaplan.params == pytest.approx(1.3e9)
    assert kaplan.tokens == pytest.approx(2e10)
    assert hoffmann_law.params == pytest.approx(3.2e10, rel=0.1)
    for law in PUBLISHED.values():
        answer = law.predict(1e22)
        assert law.source and law.convention
        assert 1e8 < (answer.params or 0) < 1e12
        assert 1e10 < (answer.tokens or 0) < 1e13
    besiroglu = PUBLISHED["besiroglu2024"].predict(5.76e23)
    assert besiroglu.params * besiroglu.tokens * 6 == pytest.approx(5.76e23)  # type: ignore[operator]
