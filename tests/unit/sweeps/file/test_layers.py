"""Overrides on top of a file, and where each value came from."""

from __future__ import annotations

import pytest

from sweeps.file.compose import load_sweep
from sweeps.file.layers import Layers
from sweeps.file.parse import parse
from sweeps.file.problem import SweepError

GOOD = "name: good\nbudgets: [1e11, 3e11, 1e12]\n"


def problems(text: str, *overrides: str) -> list[str]:
    with pytest.raises(SweepError) as caught:
        load_sweep(text, overrides, name_of_text="s.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_overrides_replace_what_stands_at_their_key() -> None:
    text = GOOD + "sizes: {count: 5, span: 2}\nvary: {lr: [0.1, 0.2]}\n"
    spec = load_sweep(text, ["sizes.count=9", "vary={}", "budgets=[1e10, 2e10]", "centre.params_at={1e12: 5e4}"])
    assert (spec.sizes.count, spec.sizes.span) == (9, 2.0)
    assert spec.vary == {}
    assert spec.budgets == (1e10, 2e10)
    assert spec.centre.params_at == {"1e12": 5e4}
    assert load_sweep(GOOD, ["model.qk_norm=false", "model.mlp=gelu"]).model == {"qk_norm": False, "mlp": "gelu"}


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("+x=1", "an override is key=value"),
        ("~sizes", "an override is key=value"),
        ("++sizes.count=1", "an override is key=value"),
        ("sizes@x=1", "an override is key=value"),
        ("sizes.count", "an override is key=value"),
        ("=1", "an override is key=value"),
        ("hydra.run.dir=/etc", "cannot be set by an override"),
        ("extends=demo", "cannot be set by an override"),
        ("defaults=[x]", "cannot be set by an override"),
        ("name=${oc.env:HOME}", "interpolation"),
        ("model={_target_: os.system}", "never code"),
        ("name=!x a", "tag"),
        ("sizes=&a {count: 1}", "anchor"),
        ("sizes.count=[1", "not valid YAML"),
        ("sizes.count=012", "leading zero"),
        ("nmae=x", "did you mean name?"),
        ("_target_=os.system", "unknown key"),
        ("name.x=1", "expected text"),
    ],
)
def test_hostile_or_mistaken_overrides(override: str, reason: str) -> None:
    (line,) = problems(GOOD, "context=64", override)
    assert line.startswith("override 2:")
    assert reason in line


def layers_of(text: str, *overrides: str) -> Layers:
    return Layers(parse(text, "s.yaml"), overrides)


def test_a_problem_is_where_the_last_layer_set_its_key() -> None:
    layers = layers_of("sizes: {count: 5}\n", "sizes.count=6", "sizes.count=7", "centre.exponent=1")
    assert layers.data == {"sizes": {"count": 7}, "centre": {"exponent": 1}}
    assert str(layers.located(("sizes", "count"), "x")) == "override 2: sizes.count: x"
    assert str(layers.located(("sizes", "span"), "x")) == "s.yaml:1:1 sizes.span: x"
    assert str(layers.located(("centre", "params_at"), "x")) == "override 3: centre.params_at: x"
    layers.report(("sizes",), "y", "z")
    assert [str(problem) for problem in layers.problems] == ["s.yaml:1:1 sizes: y, did you mean z?"]


def test_a_value_is_known_as_it_was_written() -> None:
    layers = layers_of("name: 1e5\nsizes: {count: 5}\n", "sizes={count: 0x6}")
    assert layers.written(("name",)) == "1e5"
    assert layers.written(("sizes", "count")) == "0x6"
    assert layers.written(("nothing",)) is None


def test_no_more_than_two_hundred_overrides() -> None:
    assert layers_of("a: 1\n", *["a=2"] * 200).data == {"a": 2}
    with pytest.raises(SweepError, match="more than 200 overrides"):
        layers_of("a: 1\n", *["a=2"] * 201)


def test_a_long_override_is_cut_in_its_message() -> None:
    (problem,) = layers_of("a: 1\n", "+" + "x" * 60).problems
    assert str(problem).endswith(f"got '+{'x' * 56}…'")
    (short,) = layers_of("a: 1\n", "+" + "x" * 59).problems
    assert str(short).endswith(f"got '+{'x' * 59}'")


def test_the_base_is_taken_out_of_the_data() -> None:
    layers = layers_of("extends: demo\nname: a\n")
    assert layers.take_base(("cpu", "demo")) == "demo" and layers.data == {"name": "a"} and layers.names_itself
    assert layers_of("x: 1\n").take_base(("demo",)) is None and not layers_of("x: 1\n").names_itself
    unknown = layers_of("extends: dem\n")
    assert unknown.take_base(("cpu", "demo")) is None
    assert (
        str(unknown.problems[0])
        == "s.yaml:1:1 extends: not a file of sweeps/conf; they are cpu, demo, did you mean demo?"
    )
