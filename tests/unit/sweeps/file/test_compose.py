"""From sweep file, base and overrides to one SweepSpec, and every mistake at its place."""

from __future__ import annotations

import ast
import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sweeps.file import compose as compose_module
from sweeps.file.compose import bases, load_sweep
from sweeps.file.problem import SweepError
from sweeps.file.serialise import spec_hash, to_yaml
from sweeps.file.spec import SweepSpec
from tests.unit.sweeps.file.test_parse import BOMB, HOSTILE

GOOD = "name: good\nbudgets: [1e11, 3e11, 1e12]\n"
ROOT = Path(compose_module.__file__).parents[2]


def problems(text: str, *overrides: str) -> list[str]:
    with pytest.raises(SweepError) as caught:
        load_sweep(text, overrides, name_of_text="s.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_minimal_file_and_its_defaults() -> None:
    spec = load_sweep(GOOD)
    assert spec == SweepSpec(name="good", budgets=(1e11, 3e11, 1e12))
    assert spec.sizes.count == 7
    assert isinstance(spec.budgets, tuple)


def test_numbers_of_every_writing_become_the_schemas_types() -> None:
    spec = load_sweep(
        'name: 1e5\nbudgets: [1e11, "3e11", 1000000000000]\nsizes: {count: 5.0, params: [1e4, 2e4]}\n'
        "centre: {params_at: {1e12: 6e4}}\ncontext: '64'\nmodel: {qk_norm: false, rope_base: 100}\nvary: {lr: [1e-3, .01]}\n"
    )
    assert spec.name == "1e5"
    assert spec.budgets == (1e11, 3e11, 1e12)
    assert spec.sizes.params == (10_000, 20_000)
    assert spec.centre.params_at == {"1e12": 6e4}
    assert spec.context == 64
    assert spec.vary == {"lr": [1e-3, 0.01]}
    assert type(spec.sizes.count) is int


def test_shorthands() -> None:
    series = load_sweep("name: a\nbudgets: {from: 1e11, to: 1e13, count: 5}\nsizes: [1e4, 2e4]\n")
    assert series.budgets == (1e11, 3.16228e11, 1e12, 3.16228e12, 1e13)
    assert series.sizes.params == (10_000, 20_000)
    shapes = load_sweep(GOOD + "sizes: [{d_model: 16}, {d_model: 32, n_layers: 3}]\n")
    assert shapes.sizes.shapes == ({"d_model": 16}, {"d_model": 32, "n_layers": 3})


def test_file_is_read_from_disk_and_named_in_messages(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(GOOD)
    assert load_sweep(path).name == "good"
    path.write_text(GOOD + "sizes:\n  cout: 5\n")
    with pytest.raises(SweepError) as caught:
        load_sweep(path)
    assert str(caught.value) == f"{path}:4:3 sizes.cout: unknown key, did you mean count?"


@pytest.mark.parametrize("path", [Path("no/such.yaml"), Path("/dev/zero"), Path("/")])
def test_what_cannot_be_read_is_a_sweep_error(path: Path) -> None:
    with pytest.raises(SweepError):
        load_sweep(path)


def test_all_mistakes_of_structure_are_reported_at_once() -> None:
    text = "name: a\nbudget: [1e11]\nbudgets: 1e11\nsizes:\n  span: wide\n  count: 2.5\ncorpus: python\nlimits:\n"
    assert problems(text, "seeds.defualt=2", "device=[cpu]") == [
        "s.yaml:2:1 budget: unknown key, did you mean budgets?",
        "s.yaml:3:1 budgets: expected a list, got 100000000000.0, did you mean [100000000000.0]?",
        "s.yaml:5:3 sizes.span: expected a number, got 'wide'",
        "s.yaml:6:3 sizes.count: expected a whole number, got 2.5",
        "s.yaml:7:1 corpus: expected a mapping with some of source, paths, text_key, max_bytes, validation_fraction, "
        "got 'python'",
        "s.yaml:8:1 limits: expected a mapping with some of flops, hours, runs, got nothing",
        "override 1: seeds.defualt: unknown key, did you mean default?",
        "override 2: device: expected text, got a list",
    ]


def test_mistakes_of_value_have_their_place() -> None:
    text = "name: A\nbudgets:\n  - 3e11\n  - -1\nmodel:\n  n_heads: 2\nepochs_max: 0\n"
    found = problems(text, "recipe=cpu-smal", "vary.lrr=[1]")
    assert [line.split(" ")[0] for line in found[:3]] == ["s.yaml:1:1", "s.yaml:4:5", "s.yaml:2:1"]
    assert any(line.startswith("override 1: recipe: unknown recipe") for line in found)
    assert any(line.startswith("override 2: vary.lrr: unknown axis") for line in found)
    assert any(line.startswith("s.yaml:6:3 model.n_heads: set by sizes and recipe") for line in found)
    assert found[-1] == "s.yaml:7:1 epochs_max: must be positive and at most 1000, is 0"


def test_corpus_and_tokenizer_check_themselves_and_are_placed() -> None:
    found = problems(GOOD + "corpus: {source: txt}\ntokenizer:\n  vocab: 2\n")
    assert [line.split(": ")[0] for line in found] == ["s.yaml:3:10 corpus.source", "s.yaml:5:3 tokenizer.vocab"]


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


def test_extends_inherits_from_the_packaged_files_only() -> None:
    demo = load_sweep(ROOT / "sweeps/conf/demo.yaml")
    heir = load_sweep("extends: demo\nname: mine\nsizes: {count: 5}\n")
    sizes = dataclasses.replace(demo.sizes, count=5)
    assert heir == dataclasses.replace(demo, name="mine", sizes=sizes)
    assert problems("extends: demo\n") == [
        "s.yaml:1:1 name: required: the handle of the sweep, such as `name: my-sweep`"
    ]
    assert "did you mean demo?" in problems("extends: dmo\nname: a\n")[0]
    for path in ("../../etc/passwd", "/etc/passwd", "demo.yaml", "..", "", "[demo]", "Demo"):
        assert problems(f"extends: {path}\nname: a\n")[0].startswith("s.yaml:1:1 extends: not a file of sweeps/conf")


@pytest.mark.parametrize("name", bases())
def test_every_packaged_file_can_be_loaded_and_extended(name: str) -> None:
    spec = load_sweep(ROOT / f"sweeps/conf/{name}.yaml")
    assert spec.name == name
    assert load_sweep(f"extends: {name}\nname: heir\n") == dataclasses.replace(spec, name="heir")


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_never_reaches_hydra(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(*arguments: object, **named: object) -> None:
        raise AssertionError("hostile text reached Hydra")

    monkeypatch.setattr(compose_module, "compose", reached)
    monkeypatch.setattr(compose_module.OmegaConf, "merge", reached)
    with pytest.raises(SweepError):
        load_sweep(HOSTILE[case][0])
    with pytest.raises(SweepError):
        load_sweep(BOMB)


def test_series_and_grid_are_counted_before_they_are_expanded() -> None:
    assert "a count between 2 and 1000" in problems("name: a\nbudgets: {from: 1, to: 2, count: 1e12}\n")[0]
    assert "count missing" in problems("name: a\nbudgets: {from: 1, to: 2}\n")[0]
    assert "unknown key" in problems("name: a\nbudgets: {from: 1, to: 2, count: 3, steps: 4}\n")[0]
    assert "above limits.runs" in problems(GOOD, "sizes.count=1000000000")[0]


def test_concurrent_loads_are_correct_and_enter_hydra_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compose_module._composed.cache_clear()
    hydra_compose = compose_module.compose
    inside: list[int] = []
    most = [0]
    results: dict[int, SweepSpec] = {}

    def watched(*arguments: Any, **named: Any) -> Any:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.02)
        try:
            return hydra_compose(*arguments, **named)
        finally:
            inside.pop()

    def load(number: int) -> None:
        results[number] = load_sweep(f"extends: {bases()[number % 3]}\nname: s{number}\ncontext: {number + 2}\n")

    monkeypatch.setattr(compose_module, "compose", watched)
    threads = [threading.Thread(target=load, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: (spec.name, spec.context) for number, spec in results.items()} == {
        number: (f"s{number}", number + 2) for number in range(8)
    }
    assert max(most) == 1


def test_revision_depends_on_content_alone() -> None:
    spec = load_sweep(GOOD + "sizes: {count: 5, span: 2}\n")
    same = load_sweep(
        "sizes:\n  span: 2.0\n  count: 5\n# why\nbudgets: ['1e11', 3.0e+11, 1000000000000]\nname: other\n"
    )
    assert spec_hash(spec) == spec_hash(same)
    assert spec_hash(load_sweep(GOOD)) != spec_hash(spec)
    assert spec_hash(load_sweep(GOOD)) == spec_hash(load_sweep(GOOD + "context: 128\n"))
    assert len(spec_hash(spec)) == 12


@settings(max_examples=25, deadline=None)
@example(name="1e5", budgets=[1e11], key="\x85", span=4.0)
@example(name="012", budgets=[123456.7], key="yes", span=2.0)
@example(name="-", budgets=[1e11], key="'\"#: \\", span=2.0)
@given(
    name=st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True),
    budgets=st.lists(st.floats(1e3, 1e29), min_size=1, max_size=4, unique=True),
    key=st.text(max_size=8).filter(lambda text: "\0" not in text and "${" not in text and text != "???"),
    span=st.floats(1.001, 9999),
)
def test_canonical_text_gives_the_same_spec_back(name: str, budgets: list[float], key: str, span: float) -> None:
    spec = SweepSpec(name=name, budgets=tuple(sorted(budgets)))
    spec = dataclasses.replace(spec, sizes=dataclasses.replace(spec.sizes, span=span))
    spec = dataclasses.replace(spec, corpus=dataclasses.replace(spec.corpus, text_key=key))
    text = to_yaml(spec)
    assert load_sweep(text) == spec
    # Other YAML readers agree, numbers included.
    assert yaml.safe_load(text)["budgets"] == list(spec.budgets)


def test_user_text_is_never_instantiated() -> None:
    packages = ("analysis", "model", "orchestrator", "sweeps", "tokenizer")
    for path in sorted(path for package in packages for path in (ROOT / package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names |= {alias.name for node in imports for alias in node.names}
        assert "instantiate" not in names, path
        modules = {(node.module or "").split(".")[0] for node in imports}
        modules |= {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert path.name == "compose.py" or "hydra" not in modules, path
