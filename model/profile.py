"""Where the time of a training step goes: tokens per second, utilisation, seconds by component, and a trace."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, record_function
from torch.profiler import profile as torch_profile

from model.batches import Batches
from model.config import RunConfig
from model.device import device_name, keep_freed_memory, torch_settings
from model.flops import flops_per_token, flops_per_token_by
from model.implementation import Implementation, choose_implementation
from model.peak import matmul_peak, times
from model.synthetic import DATASET, synthetic_shards
from model.training import Training

COMPONENTS = ("embedding", "attention", "mlp", "block", "head", "optimizer", "data", "other", "gaps")
"""`block` is a compiled block, whose parts cannot be told apart; `gaps` is time in which no operation ran: the
interpreter on a CPU, a device that waits for launches on a GPU."""
TRACED_STEPS = 5
_LABEL = "isoflop::"
_NAMES = {
    "AttentionBranch": "attention",
    "MlpBranch": "mlp",
    "HeadLoss": "head",
    "LinearCrossEntropy": "head",
    "aten::cross_entropy_loss": "head",
    "Embed": "embedding",
    "aten::embedding": "embedding",
    "EmbeddingBackward": "embedding",
}
_BACKWARD = "autograd::engine::evaluate_function: "


@dataclass(frozen=True, slots=True)
class Profile:
    """Measurements of one shape on one device."""

    device_name: str
    """The processor's or the GPU's model."""
    numerics: str
    """Numerics profile."""
    implementation: dict[str, Any]
    """How the step was computed."""
    batch: int
    """Sequences of a step."""
    step_seconds: float
    """Median time of an optimizer step, untraced, data included."""
    tokens_per_second: float
    """Training tokens a second."""
    flops_per_second: float
    """By the default convention (causal half of attention)."""
    matmul_peak: float
    """Measured rate of a large matrix product in this precision, FLOP/s."""
    mfu: float
    """Share of that peak by the full_attention convention (PaLM, appendix B), as peers report it."""
    memory_bytes: int | None
    """Most bytes of tensors on a GPU; None on a CPU."""
    traced_step_seconds: float
    """Time of a step while it was traced, which `seconds` adds up to; tracing slows small steps down."""
    seconds: dict[str, float]
    """Seconds of a traced step by component, see COMPONENTS."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data."""
        return dataclasses.asdict(self)


def profile(
    run: RunConfig,
    device: str = "cpu",
    *,
    implementation: Implementation | None = None,
    seconds: float = 2.0,
    trace: Path | None = None,
) -> Profile:
    """Measure steps of `run` on made-up tokens for about `seconds`, then trace some; `trace` is a file for Perfetto."""
    run = dataclasses.replace(run, dataset=DATASET)
    chosen = implementation or choose_implementation(run.model, run.train, device)
    where = torch.device(device)
    keep_freed_memory()
    with torch_settings(chosen.threads):
        training = Training(run, chosen, where)
        shards = synthetic_shards(run.model.vocab, max(500_000, 4 * run.train.batch * run.model.context))
        batches = Batches(run, shards, where)
        position = iter(range(10**9))

        def step() -> None:
            training.take_step(batches.at(next(position) % max(1, run.train.steps - 1)))
            training.step = 0  # the schedule must not end before the measurement

        typical = statistics.median(times(step, where, seconds))
        traced, by_component = _traced(training, batches, trace)
    tokens = run.train.batch * run.model.context
    full = flops_per_token_by(run.model)["full_attention"]
    peak = matmul_peak(device, run.train.numerics)
    return Profile(
        device_name=device_name(where),
        numerics=run.train.numerics,
        implementation=training.describe(),
        batch=run.train.batch,
        step_seconds=typical,
        tokens_per_second=tokens / typical,
        flops_per_second=tokens / typical * flops_per_token(run.model),
        matmul_peak=peak,
        mfu=tokens / typical * full / peak,
        memory_bytes=training.memory_peak(),
        traced_step_seconds=traced,
        seconds=by_component,
    )


def _traced(training: Training, batches: Batches, trace: Path | None) -> tuple[float, dict[str, float]]:
    """Seconds of a step under the tracer, and by component."""
    gpu = training.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    with _labels(training), torch_profile(activities=activities) as tracer:
        training.synchronise()
        began = time.perf_counter()
        for number in range(TRACED_STEPS):
            with record_function(_LABEL + "data"):
                sequences = batches.at(number)
            loss = training.gradients(sequences)
            with record_function(_LABEL + "optimizer"):
                training.update(loss)
            training.step = 0
        training.synchronise()
        elapsed = time.perf_counter() - began
    if trace is not None:
        tracer.export_chrome_trace(str(trace))
    seconds = dict.fromkeys(COMPONENTS, 0.0)
    for component, microseconds in _by_component(list(tracer.events() or []), gpu).items():
        seconds[component] += microseconds / 1e6 / TRACED_STEPS
    seconds["gaps"] = max(0.0, elapsed / TRACED_STEPS - sum(seconds.values()))
    return elapsed / TRACED_STEPS, {name: value for name, value in seconds.items() if value > 0 or name != "block"}


@contextlib.contextmanager
def _labels(training: Training) -> Iterator[None]:
    """Mark the forward passes of the model's parts for the tracer."""
    parts: list[tuple[nn.Module, str]] = [(training.model.final_norm, "head"), (training.model.head, "head")]
    names = {"attention_norm": "attention", "attention": "attention", "mlp_norm": "mlp", "mlp": "mlp"}
    for block in training.model.blocks:
        if training.implementation.compiled:
            parts.append((block, "block"))
        else:
            parts += [(block.get_submodule(part), name) for part, name in names.items()]
    open_labels: list[Any] = []

    def enter(name: str) -> None:
        open_labels.append(record_function(_LABEL + name))
        open_labels[-1].__enter__()

    def leave() -> None:
        open_labels.pop().__exit__(None, None, None)

    handles = []
    for module, name in parts:
        handles.append(module.register_forward_pre_hook(lambda *_, name=name: enter(name)))
        handles.append(module.register_forward_hook(lambda *_: leave()))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _by_component(events: list[FunctionEvent], gpu: bool) -> dict[str, float]:
    """Own microseconds of all operations by component; a backward operation belongs where its forward one does."""
    forward: dict[int, str] = {}
    for event in events:
        component = _component(event, {})
        if component is not None and event.sequence_nr >= 0 and not event.name.startswith(_BACKWARD):
            forward.setdefault(event.sequence_nr, component)
    totals: dict[str, float] = defaultdict(float)
    for event in events:
        own = event.self_device_time_total if gpu else event.self_cpu_time_total
        if own > 0 and (not gpu or event.device_type.name == "CPU"):
            totals[_component(event, forward) or "other"] += own
    return dict(totals)


def _component(event: FunctionEvent, forward: dict[int, str]) -> str | None:
    """The component that an event or one of those around it names."""
    around: FunctionEvent | None = event
    while around is not None:
        name = around.name.removeprefix(_BACKWARD)
        if name.startswith(_LABEL):
            return name.removeprefix(_LABEL)
        for prefix, component in _NAMES.items():
            if name.startswith(prefix):
                return component
        if around.name.startswith(_BACKWARD) and around.sequence_nr in forward:
            return forward[around.sequence_nr]
        around = around.cpu_parent
    return None
