"""Overrides on top of a file, and where each value came from."""

from __future__ import annotations

import pytest

from sweeps.file.compose import load_sweep
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
