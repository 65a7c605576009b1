"""The verbs about one model: what is measured or sampled is a stand-in, what is printed is not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from model import profile as profiling
from model import sample as sampling
from model.config import ModelConfig, RunConfig, TrainConfig
from model.implementation import Computation
from model.profile import Profile
from orchestrator.use_cases import converted_model, planning, trained_models
from orchestrator.use_cases.converted_model import ConvertedModel
from tests.unit.orchestrator.cli.conftest import Isoflop


def _profile(**changes: Any) -> Profile:
    fields: dict[str, Any] = {
        "device_name": "a CPU",
        "numerics": "fp32",
        "implementation": Computation(
            attention="fused", threads=7, device="cpu", device_name="a CPU", torch="2", processes=1
        ),
        "batch": 16,
        "step_seconds": 0.02,
        "tokens_per_second": 204800.4,
        "flops_per_second": 5e10,
        "matmul_peak": 1e11,
        "mfu": 0.5,
        "memory_bytes": 2**30,
        "seconds": {"attention": 0.0031234, "mlp": 0.0125},
        "traced_step_seconds": 0.025,
    }
    names = set(Profile.__dataclass_fields__)
    return Profile(**{name: value for name, value in (fields | changes).items() if name in names})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RunConfig, str, Path | None]]:
    """What is measured, instead of measuring it."""
    asked: list[tuple[RunConfig, str, Path | None]] = []

    def measure(run: RunConfig, device: str, trace: Path | None = None) -> Profile:
        asked.append((run, device, trace))
        return _profile()

    monkeypatch.setattr(profiling, "profile", measure)
    return asked


def test_a_shape_is_measured_and_shown_by_component(isoflop: Isoflop, measured: list[Any]) -> None:
    done = isoflop("profile", "--width", "128", "--layers", "6", "--batch", "8")
    run, device, trace = measured[0]
    assert (run.model.d_model, run.model.n_layers, run.model.d_ff, run.train.batch) == (128, 6, 341, 8)
    assert (device, trace) == ("cpu", None)
    assert done.stdout.splitlines() == [
        "Time of a traced step",
        "component     ms   share",
        "attention  3.123  0.1249",
        "mlp         12.5     0.5",
    ]
    said = " ".join(done.stderr.split())
    assert "measuring L6 d128 h2 ff341, vocabulary 2048, 8 × 256 tokens per step, fp32 on cpu" in said
    assert "a CPU: 20.00 ms per step, 204,800 tokens/s, 50.0 GFLOP/s, MFU 50% of 100 GFLOP/s, 1.00 GiB" in said
    assert said.endswith("(fused attention, autograd branches, whole head)")


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_peak_that_was_not_measured_is_said(isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    monkeypatch.setattr(profiling, "profile", lambda *_, **__: _profile(mfu=None))
    done = isoflop("profile", "-o", output)
    said = " ".join(done.stderr.split())
    assert "no MFU: the step ran faster than the 100 GFLOP/s of matrix products" in said
    assert "%" not in said


def test_a_trace_is_written_and_json_has_everything(isoflop: Isoflop, measured: list[Any], tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    done = isoflop("profile", "--trace", trace, "--ff", "99", "-o", "json")
    assert measured[0][2] == trace and measured[0][0].model.d_ff == 99
    assert done.json["mfu"] == 0.5 and "trace written to" in done.stderr
    assert "ms per step" not in done.stderr


def test_a_cell_of_a_plan_is_measured(isoflop: Isoflop, measured: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        RunConfig(ModelConfig(64, 32, 16 * (n + 1), 2, 1, 32), TrainConfig(100, 8, lr=0.001), "data") for n in range(3)
    ]

    class Planning:
        def __init__(self, _: object) -> None: ...

        def plan(self, path: Path, overrides: list[str]) -> SimpleNamespace:
            found = [] if overrides else [SimpleNamespace(run=run) for run in runs]
            return SimpleNamespace(plan=SimpleNamespace(runs=found), device="cuda:1")

    monkeypatch.setattr(planning, "Planning", Planning)
    assert isoflop("profile", "tiny").code == 0
    assert isoflop("profile", "tiny", "--cell", "2").code == 0
    assert isoflop("profile", "tiny", "--cell", "0").code == 0
    assert [(run.model.d_model, device) for run, device, _ in measured] == [
        (32, "cuda:1"),
        (48, "cuda:1"),
        (16, "cuda:1"),
    ]
    for cell in ("3", "-1"):
        wrong = isoflop("profile", "tiny", "--cell", cell)
        assert wrong.code == 2 and "the plan has the runs 0 to 2" in " ".join(wrong.stderr.split())
    assert "the plan has no runs" in isoflop("profile", "tiny", "epochs_max=4").stderr


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A trained model that continues by counting; what it is asked is kept."""
    asked: list[Any] = []

    class Tokenizer:
        bos_id = 0

        def encode(self, text: str) -> list[int]:
            return [len(text)]

        def decode(self, tokens: list[int]) -> str:
            return " ".join(map(str, tokens))

    def generate(_: object, ids: list[int], count: int, **how: Any) -> Any:
        asked.append((ids, how))
        return iter(range(count))

    monkeypatch.setattr(trained_models, "finished_run", lambda _, run: SimpleNamespace(id=f"{run}-whole"))
    monkeypatch.setattr(trained_models, "weights_of", lambda _, record: record.id)
    monkeypatch.setattr(trained_models, "tokenizer_of", lambda _, dataset: Tokenizer())
    monkeypatch.setattr(sampling, "load_trained", lambda weights: (weights, SimpleNamespace(dataset="data")))
    monkeypatch.setattr(sampling, "generate", generate)
    return asked


def test_a_text_is_continued(isoflop: Isoflop, model: list[Any]) -> None:
    arguments = ("sample", "3f9c", "--prompt", "def ", "--tokens", "3")
    assert isoflop(*arguments).stdout == "def 0 1 2\n"
    assert model == [([0, 4], {"temperature": 0.8, "top_k": None, "seed": 0})]
    expected = {"run": "3f9c-whole", "prompt": "def ", "text": "0 1 2", "tokens": [0, 1, 2]}
    assert isoflop(*arguments, "--top-k", "5", "--seed", "7", "--temperature", "0", "-o", "json").json == expected
    assert model[1][1] == {"temperature": 0.0, "top_k": 5, "seed": 7}
    assert isoflop(*arguments, "-o", "csv").stdout == "run,prompt,text\n3f9c-whole,def ,0 1 2\n"


def test_a_model_is_converted_and_what_is_left_out_is_said(
    isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, Path]] = []

    def export(_: object, run: str, folder: Path) -> ConvertedModel:
        asked.append((run, folder))
        return ConvertedModel("3f9c-whole", "LlamaForCausalLM", ("config.json", "model.safetensors"), "no tokenizer")

    monkeypatch.setattr(converted_model, "convert_model", export)
    done = isoflop("convert", "3f9c", "--out", tmp_path / "out")
    assert (done.code, done.stdout) == (0, "") and asked == [("3f9c", tmp_path / "out")]
    *_, note, last = done.stderr.splitlines()
    assert note == "no tokenizer"
    assert last.endswith("out: run 3f9c-whole as a LlamaForCausalLM (config.json, model.safetensors)")
    assert isoflop("convert", "3f9c").code == 2
