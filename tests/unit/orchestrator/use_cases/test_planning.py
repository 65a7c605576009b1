"""Planning: what a plan takes from the corpus and the device, and what it says where one of them is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analysis.devices import DEVICES
from orchestrator.environment import SettingsError
from orchestrator.use_cases import planning as module
from orchestrator.use_cases.planning import Planning, facts_of
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.spec import CentreSpec, SweepSpec
from sweeps.plan.expected_width import expect
from sweeps.plan.hours import DeviceCost
from tests.unit.orchestrator.scheduling.rates import rates_at
from tests.unit.orchestrator.use_cases.homes import finish, open_home, planned
from tokenizer.corpus import CorpusError, CorpusFileError
from tokenizer.corpus_spec import CorpusSpec
from tokenizer.shards import Manifest
from tokenizer.vocabulary import TokenizerSpec

MANIFEST = Manifest(
    corpus="c",
    tokenizer="t",
    source="text",
    vocab=1024,
    dataset="aaaa",
    train_tokens=50_000_000,
    validation_tokens=9_000,
)
RATE = 1e10
"""FLOP/s of the fake calibration."""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A home on a machine without a GPU, with a corpus and a calibration that take no time."""
    monkeypatch.setattr(module, "prepare", lambda *_, **__: SimpleNamespace(manifest=MANIFEST))
    monkeypatch.setattr(module, "calibrate", lambda *_: rates_at((1e4, RATE)))
    monkeypatch.setattr("orchestrator.settings.gpu_names", lambda: ())
    return open_home(tmp_path)


def spec(**changes: Any) -> SweepSpec:
    keys: dict[str, Any] = {"name": "x", "budgets": (1e11, 3e11), "centre": CentreSpec(tokens_per_param=20.0)}
    return SweepSpec(**(keys | changes))


def test_a_sweep_file_becomes_a_plan_with_predicted_seconds(workspace: Workspace) -> None:
    made = Planning(workspace).plan(
        b"name: x\nbudgets: [1e11, 3e11]\ncentre: {tokens_per_param: 20}\n", ["seeds.default=2"]
    )
    assert (made.data, made.device, made.workers, made.notes) == (facts_of(MANIFEST), "cpu", 2, ())
    assert made.spec.name == "x" and made.spec.seeds.default == 2
    run = made.plan.runs[0]
    assert run.seconds == pytest.approx(run.flops / RATE)
    assert made.cost is not None and made.cost.rates == rates_at((1e4, RATE))
    assert made.device_name == "cpu"


def test_where_no_cell_can_run_nothing_is_calibrated(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "calibrate", lambda *_: pytest.fail("measured for nothing"))
    made = Planning(workspace).plan_spec(spec(budgets=(1e3, 3e3)))
    assert made.plan.runs == () and made.cost is None and made.plan.dropped


@pytest.mark.parametrize(("device", "hint"), [("cuda", "h100"), ("l4", "l4"), ("auto", ""), ("cpu", "")])
def test_without_a_corpus_the_message_says_how_much_text_is_needed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, device: str, hint: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise CorpusError("there is no file x.txt")

    monkeypatch.setattr(module, "prepare", refuse)
    with pytest.raises(CorpusError, match=r"^there is no file x\.txt\nsweep x needs .* tokens") as refused:
        Planning(workspace).facts(spec(device=device))
    message = str(refused.value)
    assert message.endswith(f"; --device {hint} plans it without the data") if hint else "--device" not in message


def test_a_file_that_cannot_be_read_is_all_that_is_said(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise CorpusFileError("x.txt:1: not UTF-8")

    monkeypatch.setattr(module, "prepare", refuse)
    with pytest.raises(CorpusError, match=r"^x\.txt:1: not UTF-8$"):
        Planning(workspace).facts(spec(device="cuda"))


def test_corpora_that_are_read_alike_are_prepared_in_turn_and_listed_as_in_the_file(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, str, int]] = []

    def prepare(corpus: CorpusSpec, tokenizer: TokenizerSpec, *_: object, **__: object) -> SimpleNamespace:
        asked.append((tokenizer.vocab, "+".join(corpus.filters), corpus.max_bytes))
        return SimpleNamespace(manifest=replace(MANIFEST, dataset=str(asked[-1])))

    monkeypatch.setattr(module, "prepare", prepare)
    axes = {"tokenizer.vocab": [300, 400], "corpus.max_bytes": [1, 2], "corpus.filters": ["c4", "gopher"]}
    facts = Planning(workspace).facts(spec(vary=axes))
    assert asked == [(v, f, m) for f in ("c4", "gopher") for m in (1, 2) for v in (300, 400)]
    listed = [str((v, f, m)) for v in (300, 400) for m in (1, 2) for f in ("c4", "gopher")]
    assert [one.dataset for _, one in facts.varied] == listed and facts.dataset == listed[0]


def test_the_facts_of_a_dataset_are_those_of_its_manifest(workspace: Workspace) -> None:
    facts = Planning(workspace).facts(spec())
    assert facts == facts_of(MANIFEST)
    assert (facts.dataset, facts.vocab, facts.train_tokens, facts.validation_tokens) == (
        "aaaa",
        1024,
        50_000_000,
        9_000,
    )


def test_measured_rates_are_corrected_by_finished_runs_on_this_machine(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    workspace.say = said.append
    asked: list[object] = []
    learned = module.Durations.of(())
    monkeypatch.setattr(module.Durations, "of", classmethod(lambda _cls, runs: asked.extend(runs) or learned))
    monkeypatch.setattr(module, "kind_name", lambda _: "some CPU")
    sweep = submit(workspace, planned())
    first, *_ = workspace.store.runs_of(sweep.id)
    finish(workspace, first.id)
    cost = Planning(workspace).cost([run.run for run in planned().plan.runs], spec())
    assert cost is not None and cost.learned is learned
    assert [run.id for run in asked] == [first.id]  # type: ignore[attr-defined]
    assert said == ["measuring this machine"]
    monkeypatch.setattr(module, "kind_name", lambda _: "another CPU")
    asked.clear()
    Planning(workspace).cost([run.run for run in planned().plan.runs], spec())
    assert asked == []


def on_a_cluster(workspace: Workspace) -> Planning:
    return Planning(Workspace(workspace.home, replace(workspace.settings, ray_address="10.0.0.1:6379")))


def test_a_kind_that_only_a_cluster_has_is_predicted_by_its_data_sheet(workspace: Workspace) -> None:
    made = planned(device="h100")
    run = made.plan.runs[0].run
    cost = on_a_cluster(workspace).cost([r.run for r in made.plan.runs], made.spec)
    assert cost is not None and on_a_cluster(workspace).device_of(made.spec) == "cuda"
    sheet = DeviceCost(DEVICES["h100"]).seconds(run.model, run.train)
    assert cost.seconds(run.model, run.train) == pytest.approx(sheet)
    assert cost.gpu_memory == DEVICES["h100"].memory
    assert replace(made, device="cuda").device_name == "h100"
    assert replace(made, device="cpu").device_name == "cpu"


def test_of_whatever_gpu_a_cluster_has_nothing_is_known(workspace: Workspace) -> None:
    made = on_a_cluster(workspace).plan_spec(spec(device="cuda"))
    assert made.cost is None and made.plan.runs[0].seconds is None and made.device_name == "cuda"
    assert len(made.notes) == 1 and "no NVIDIA GPU" in made.notes[0]
    sheet = on_a_cluster(workspace).plan_spec(spec(device="h100"))
    assert len(sheet.notes) == 2 and "data sheet" in sheet.notes[1]


def test_this_machine_is_not_asked_for_what_it_does_not_have(workspace: Workspace) -> None:
    with pytest.raises(SettingsError, match="no NVIDIA GPU"):
        Planning(workspace).device_of(spec(device="h100"))
    assert Planning(workspace).device_of(spec()) == "cpu"
    assert Planning(workspace).workers("cpu") == 2


def test_the_noise_to_expect_is_that_of_an_earlier_revision_on_the_same_data(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(module, "earlier_noise", lambda found: read.extend(each.sweep.dataset for each in found))
    for name, dataset in (("x", "aaaa"), ("x", "bbbb"), ("y", "aaaa")):
        submit(workspace, planned(dataset, name=name))
    Planning(workspace).noise(planned("aaaa"))
    assert read == ["aaaa"]


def test_the_expected_intervals_are_those_of_the_plan(workspace: Workspace) -> None:
    made = planned(budgets=(1e11, 3e11, 1e12))
    assert Planning(workspace).expect(made) == expect(made.plan)
