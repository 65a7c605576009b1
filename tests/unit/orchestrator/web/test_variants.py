"""The chooser: which variants there are, which one is shown, and the addresses of the others."""

from __future__ import annotations

from orchestrator.web.question import Typed
from orchestrator.web.variants import chooser, combinations, default_variant, losses, neighbours

VARY = {"qk_norm": [True, False], "lr": [0.01, 0.02, 0.04]}


def test_combinations_are_all_products_in_the_order_of_the_file() -> None:
    found = combinations(VARY)
    assert len(found) == 6
    assert found[0] == {"qk_norm": True, "lr": 0.01} and found[1] == {"qk_norm": True, "lr": 0.02}
    assert combinations({}) == [{}]


def test_the_first_value_of_each_axis_is_shown_by_default() -> None:
    assert default_variant(VARY) == "lr=0.01,qk_norm=True"
    assert default_variant({}) == ""


def test_the_chosen_values_are_marked_and_a_link_changes_one_axis() -> None:
    norm, rate = chooser("my sweep", VARY, "lr=0.02,qk_norm=True", Typed("3e13"))
    assert (norm.name, [c.text for c in norm.choices]) == ("qk_norm", ["True", "False"])
    assert [c.chosen for c in norm.choices] == [True, False]
    assert [c.chosen for c in rate.choices] == [False, True, False]
    assert norm.choices[1].href == "/sweeps/my%20sweep?variant=lr%3D0.02%2Cqk_norm%3DFalse&flops=3e13"
    assert rate.choices[2].href == "/sweeps/my%20sweep?variant=lr%3D0.04%2Cqk_norm%3DTrue&flops=3e13"


def test_without_a_question_the_links_ask_none() -> None:
    (axis,) = chooser("demo", {"lr": [1, 2]}, "lr=1", Typed())
    assert [c.href for c in axis.choices] == ["/sweeps/demo?variant=lr%3D1", "/sweeps/demo?variant=lr%3D2"]


def test_an_unknown_variant_chooses_nothing() -> None:
    rows = chooser("demo", VARY, "lr=9", Typed())
    assert len(rows) == 2 and not any(choice.chosen for axis in rows for choice in axis.choices)
    assert rows[1].choices[1].href == "/sweeps/demo?variant=lr%3D0.02%2Cqk_norm%3DTrue"
    assert neighbours(VARY, "lr=9") == []
    assert chooser("demo", {}, "", Typed()) == ()


def test_neighbours_differ_in_a_single_axis() -> None:
    assert neighbours(VARY, "lr=0.01,qk_norm=True") == [
        "lr=0.02,qk_norm=True",
        "lr=0.04,qk_norm=True",
        "lr=0.01,qk_norm=False",
    ]
    assert neighbours({}, "") == []


def test_the_laws_of_other_losses_are_links_too() -> None:
    (row,) = losses("demo", ("", "loss.wiki"), "lr=1", Typed("3e13"), "loss.wiki")
    assert [(c.text, c.chosen) for c in row.choices] == [("loss", False), ("loss.wiki", True)]
    assert [c.href for c in row.choices] == [
        "/sweeps/demo?variant=lr%3D1&flops=3e13",
        "/sweeps/demo?variant=lr%3D1&loss_key=loss.wiki&flops=3e13",
    ]
    assert losses("demo", ("",), "", Typed(), "") == ()
    (axis,) = chooser("demo", {"lr": [1, 2]}, "lr=1", Typed(), "loss.wiki")
    assert axis.choices[1].href == "/sweeps/demo?variant=lr%3D2&loss_key=loss.wiki"
