"""From sweep file, base and overrides to one SweepSpec, and every mistake at its place."""

from __future__ import annotations

import ast
import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sweeps.file import compose as compose_module
from sweeps.file.compose import bases, load_sweep
from sweeps.file.problem import SweepError
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
