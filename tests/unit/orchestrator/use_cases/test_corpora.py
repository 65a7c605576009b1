"""What is in a corpus: counts, scripts, samples, and the budgets that it is enough for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.flops import flops_per_token
from orchestrator.home import Home
from orchestrator.settings import Settings
from orchestrator.use_cases.corpora import Described, describe_sweep, sweep_of
from orchestrator.use_cases.recipes import write_recipe
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.compose import load_sweep
from sweeps.plan.combination import NOTHING_VARIED
from sweeps.plan.grid import buildable, centre, setting_of
from tests.unit.sweeps.recipes.test_tuned import DEFINITION
from tokenizer.corpus_spec import CorpusSpec
from tokenizer.progress import silent


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    lines = [json.dumps({"text": f"Zahl {i} и слово {i * i} " * (1 + i % 9)}) for i in range(300)]
    (folder / "a.jsonl").write_text("\n".join([*lines, lines[0], '{"text": "short"}']), encoding="utf-8")
    text = (
        "name: x\nbudgets: [1e11]\ntokenizer: {kind: byte}\ncorpus:\n  source: jsonl\n  validation_fraction: 0.1\n"
        f"  paths: [{folder}/a.jsonl]\n  rules: {{words_least: 3, stop_words: null}}\n"
    )
    (folder / "x.yaml").write_text(text)
    return folder / "x.yaml"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(Home(tmp_path_factory.mktemp("corpora"), "test").create(), Settings("", "local", None))


@pytest.fixture(scope="module")
def described(file: Path, workspace: Workspace) -> Described:
    return describe_sweep(file, [], workspace, silent)


def test_what_was_read_and_left_out_is_counted(described: Described) -> None:
    facts = described.to_dict()
    assert (facts["documents"], facts["cleaning"]["documents_read"]) == (300, 302)
    assert facts["cleaning"]["rules"] == {"words_least": 1}
    assert facts["cleaning"]["samples"] == {"words_least": ["short"]}
    assert facts["cleaning"]["duplicates"] == 1
    assert facts["tokens"] == facts["bytes"] + 300
    assert json.loads(json.dumps(facts)) == facts


def test_a_sweep_may_have_a_recipe_of_the_home(file: Path, workspace: Workspace) -> None:
    write_recipe(workspace.home, "mine", DEFINITION)
    assert describe_sweep(file, ["recipe=mine"], workspace, silent).recipe == "mine"


def test_letters_are_counted_by_script(described: Described) -> None:
    assert list(described.scripts) == ["Cyrillic", "Latin"]
    assert described.scripts["Latin"] == pytest.approx(4 / 10)
    assert len(described.samples) == 3 and all(sample.startswith("Zahl") for sample in described.samples)


def test_the_largest_budget_takes_the_tokens_of_its_passes(described: Described, file: Path) -> None:
    spec = load_sweep(file)
    setting = setting_of(spec, 257, NOTHING_VARIED)
    for passes, found in zip((1, 4), described.budgets, strict=True):
        most = passes * described.manifest.train_tokens
        assert 0.9 * most < found.tokens <= most
        model = buildable(setting, centre(spec, setting, found.flops * 1.3))
        assert found.flops * 1.3 / flops_per_token(model) > most


def test_files_alone_are_taken_with_the_recipe_of_the_demo() -> None:
    spec = sweep_of(CorpusSpec("text", ("a.txt",)))
    assert (spec.recipe, spec.corpus.paths) == ("cpu-small", ("a.txt",))
