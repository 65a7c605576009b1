"""Sweeps over tokenizers from facts to answers: one reading, one dataset each, losses in bits per byte."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from analysis.records import QuestionError
from orchestrator.store import SweepRecord
from orchestrator.use_cases import planning as module
from orchestrator.use_cases.export import run_table
from orchestrator.use_cases.planning import Planned, Planning
from orchestrator.use_cases.submission import datasets_of, submit
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.sweep_facts import facts_of_sweep
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.compose import load_sweep
from sweeps.plan.combination import Combination
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts
from tests.unit.orchestrator.use_cases.homes import end, open_home
from tests.unit.tokenizer.test_dataset import write_texts
from tokenizer.shards import read_manifest
from tokenizer.stream import steps
from tokenizer.stream.reading import read_portion

VOCABS = {300: (1.5, 90_000_000), 1024: (2.5, 50_000_000), 4096: (3.5, 30_000_000)}
"""Bytes per token and training tokens by entries of the vocabulary."""
WORST = {300: 0.2, 1024: 0.0, 4096: 0.1}
"""Bits per byte by which a vocabulary is worse."""


def submitted(workspace: Workspace) -> SweepRecord:
    """A sweep over three vocabularies, stored with a result for each run."""
    spec = load_sweep(
        "extends: demo\nname: varied\nseeds: {smallest_budget: 1, largest_budget: 1}\nlimits: {hours: null}\n"
        "vary: {tokenizer.vocab: [300, 1024, 4096]}\n"
    )
    each = [DataFacts(f"data{vocab}", vocab, tokens, 200_000) for vocab, (_, tokens) in VOCABS.items()]
    varied = tuple((Combination((("tokenizer.vocab", one.vocab),)), one) for one in each)
    facts = DataFacts(each[0].dataset, each[0].vocab, each[0].train_tokens, 200_000, varied)
    return submit(workspace, Planned(make_plan(spec, facts), facts, "cpu", 2))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> SweepAnswers:
    """Its answers: the middle vocabulary is the best."""
    from orchestrator.attempts import Outcome
    from orchestrator.states import Cause

    workspace = open_home(tmp_path_factory.mktemp("home"))
    published: list[str] = []
    workspace.artifacts.publish = lambda folder: published.append(folder.name)  # type: ignore[method-assign]
    record = submitted(workspace)
    assert sorted(published) == sorted(f"data{vocab}" for vocab in VOCABS), "workers find every dataset"
    for run in workspace.store.runs_of(record.id):
        cell = run.cell
        assert cell is not None
        vocab = cell.vary["tokenizer.vocab"]
        size = VOCABS[vocab][0]
        bits = 1.0 + WORST[vocab] + 20 / cell.params**0.34 + 80 / (cell.tokens * size) ** 0.37
        result: dict[str, Any] = {"loss": bits * math.log(2) * size, "bits_per_byte": bits, "train_seconds": 1.0}
        end(workspace, run.id, Outcome(Cause.DONE, result, device="some CPU"))
    assert datasets_of(workspace, record) == {f"data{vocab}" for vocab in VOCABS}
    return SweepAnswers(record, workspace.store.runs_of(record.id), workspace.home.artifacts)


def test_every_run_counts_the_tokens_of_its_own_dataset(answers: SweepAnswers) -> None:
    frame = run_table(answers.sweep, answers.runs)
    found = frame.groupby("vary.tokenizer.vocab")["unique_tokens"].unique()
    assert {vocab: list(tokens) for vocab, tokens in found.items()} == {v: [t] for v, (_, t) in VOCABS.items()}
    assert facts_of_sweep(answers, "tokenizer.vocab=1024").unique_tokens == 50_000_000


def test_each_law_has_the_shapes_of_its_own_vocabulary(answers: SweepAnswers) -> None:
    assert [answers.setting(variant).vocab for variant in answers.variants] == list(VOCABS)
    assert [answers.dataset(variant.label) for variant in answers.variants] == [f"data{vocab}" for vocab in VOCABS]
    assert answers.dataset("nothing") == "data300"


def test_vocabularies_are_compared_in_bits_per_byte(answers: SweepAnswers) -> None:
    for comparison in answers.compare_values("tokenizer.vocab", "1024"):
        assert comparison.unit == "bits/byte"
        assert comparison.at_largest.multiplier < 1
    (found,) = answers.best_values("tokenizer.vocab").values()
    assert [best.flops for best in found] == list(answers.spec.budgets)
    for best in found:
        assert best.unit == "bits/byte"
        assert 512 < best.value < 4096
        assert min(zip(best.losses, best.tried, strict=True))[1] == 1024


def test_an_axis_that_is_not_varied_has_no_best(answers: SweepAnswers) -> None:
    assert answers.best_values("lr") == {}
    with pytest.raises(QuestionError):
        answers.compare_values("lr")


def test_tokenizers_share_one_reading_and_the_validation_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings: list[object] = []

    def read(*asked: Any) -> Any:
        readings.append(asked)
        return read_portion(*asked)

    monkeypatch.setattr(steps, "read_portion", read)
    monkeypatch.setattr(module, "COMPARED_BYTES", 1500)
    paths = json.dumps(list(write_texts(tmp_path / "texts").paths))
    spec = load_sweep(
        f"name: x\nbudgets: [1e11]\ncorpus: {{source: jsonl, paths: {paths}, validation_fraction: 0.1}}\n"
        "tokenizer: {vocab: 262}\nvary: {tokenizer.kind: [bpe, byte, word]}\n"
    )
    workspace = open_home(tmp_path / "home")
    facts = Planning(workspace).facts(spec)
    assert len(readings) == 1
    manifests = [read_manifest(workspace.home.artifacts / one.dataset) for one in facts.each]
    assert len({manifest.tokenizer for manifest in manifests}) == 3
    assert len({(m.scored_bytes, m.validation_documents, m.corpus) for m in manifests}) == 1
    assert manifests[0].scored_bytes == manifests[0].validation_bytes > 0
    lone = load_sweep(
        f"name: x\nbudgets: [1e11]\ncorpus: {{source: jsonl, paths: {paths}, validation_fraction: 0.1}}\n"
        "tokenizer: {vocab: 262}\n"
    )
    alone = read_manifest(workspace.home.artifacts / Planning(workspace).facts(lone).dataset)
    assert alone.scored_bytes == 0 and alone.tokenizer == manifests[0].tokenizer
