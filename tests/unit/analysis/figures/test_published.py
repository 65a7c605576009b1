"""Published laws: their own answers in their own conventions, one colour, dashed beyond their own budgets."""

from __future__ import annotations

import altair as alt
import pytest

from analysis.answers.published import PUBLISHED
from analysis.figures.published import outside_note, published_layers, published_values, short_name, shown_laws

EVERY = tuple(PUBLISHED.values())
AT = {"scale": alt.Scale(type="log")}
BUDGETS = [10.0**power for power in range(18, 25)]


@pytest.mark.parametrize("quantity", ["params", "tokens"])
def test_markers_are_the_law_s_own_answers_with_its_convention(quantity: str) -> None:
    layers = published_layers(EVERY, EVERY, EVERY, quantity, BUDGETS, AT, AT)
    rows = layers[-1].data.values
    assert {row["source"] for row in rows} == {law.source for law in EVERY}
    for row in rows:
        law = next(law for law in EVERY if law.source == row["source"])
        assert row["value"] == pytest.approx(getattr(law.predict(row["flops"]), quantity))
        convention = row["law"].partition("|")[2].replace("|", " ").replace("\N{NO-BREAK SPACE}", " ")
        assert convention == row["convention"] == law.convention


def test_a_line_is_dashed_beyond_the_budgets_of_its_source() -> None:
    low, high = PUBLISHED["hoffmann2022"].budgets or (0, 0)
    layers = published_layers(EVERY, EVERY, EVERY, "params", [low / 30, low * 2, high * 30], AT, AT)
    rows = [row for row in layers[0].data.values if row["law"].startswith("Hoffmann")]
    assert sorted({row["flops"] for row in rows if not row["dashed"]}) == [low, low * 2, high]
    assert sorted({row["flops"] for row in rows if row["dashed"]}) == [low / 30, low, high, high * 30]
    assert [layer.mark["style"] for layer in layers] == ["published", "published-beyond", "published-mark"]


def test_all_have_one_colour_and_a_marker_that_stays_theirs() -> None:
    both = published_layers(EVERY, EVERY, EVERY, "params", BUDGETS, AT, AT)[-1].to_dict()["encoding"]
    alone = published_layers(EVERY[2:3], EVERY[2:3], EVERY, "params", BUDGETS, AT, AT)[-1].to_dict()["encoding"]
    assert "color" not in both and both["shape"]["scale"] == alone["shape"]["scale"]
    assert len(alone["shape"]["legend"]["values"]) == 1
    assert len(set(both["shape"]["scale"]["range"])) == len(EVERY)


def test_a_loss_outside_the_frame_is_left_out() -> None:
    losses = {law: published_values(law, "loss", BUDGETS) for law in EVERY}
    silent = [law for law, values in losses.items() if not values]
    assert silent, "some laws say nothing of the loss"
    assert shown_laws(EVERY, "loss", BUDGETS, (0.0, 100.0)) == tuple(law for law in EVERY if law not in silent)
    assert shown_laws(EVERY, "loss", BUDGETS, (50.0, 100.0)) == ()


def test_those_outside_the_frame_are_named_unless_they_say_nothing() -> None:
    speaking = [short_name(law) for law in EVERY if published_values(law, "loss", BUDGETS)]
    (note,) = outside_note(EVERY, (), "loss", "L*", BUDGETS)
    assert note.startswith("Outside the frame of L*: ") and all(name in note for name in speaking)
    assert outside_note(EVERY, EVERY, "params", "N*", BUDGETS) == outside_note((), (), "params", "N*", BUDGETS) == []


def test_nothing_to_show_draws_nothing() -> None:
    assert published_layers((), (), EVERY, "params", BUDGETS, AT, AT) == []
    assert short_name(PUBLISHED["hoffmann2022"]) == "Hoffmann et al. 2022"
