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
from model.implementation import Computation, Implementation, choose_implementation
from model.peak import matmul_peak, utilisation
from model.synthetic import DATASET, synthetic_shards
from model.timing import for_timing, times
from model.training import Training

COMPONENTS = ("embedding", "attention", "mlp", "block", "head", "optimizer", "data", "other", "gaps")
"""`block` is a compiled block, whose parts cannot be told apart; `gaps` is time in which no operation ran: the
interpreter on a CPU, a device that waits for launches on a GPU."""
TRACED_STEPS = 5
"""Steps that are traced; their mean is reported."""
SHARD_TOKENS = 500_000
"""Fewest synthetic training tokens, for small batches to be spread over memory as those of a run are."""
_LABEL = "isoflop::"
"""Prefix of our own marks in a trace."""
_COMPONENT_OF = {
    "AttentionBranch": "attention",
    "MlpBranch": "mlp",
    "HeadLoss": "head",
    "LinearCrossEntropy": "head",
    "aten::cross_entropy_loss": "head",
    "Embed": "embedding",
    "aten::embedding": "embedding",
    "EmbeddingBackward": "embedding",
}
"""Component by the beginning of an operation's name."""
_BACKWARD = "autograd::engine::evaluate_function: "
"""Prefix of the operations of the backward pass."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Measurements of one shape on one device."""

    device_name: str
    """The processor's or the GPU's model."""
    numerics: str
    """Numerics profile."""
    implementation: Computation
    """How the step was computed."""
    batch: int
    """Sequences of a step."""
    step_seconds: float
    """Median seconds of an optimizer step, not traced, with the fetching of its tokens."""
    tokens_per_second: float
    """Training tokens per second."""
    flops_per_second: float
    """Training FLOP/s by the default convention (causal half of attention)."""
    matmul_peak: float
    """Measured rate of a large matrix product in this precision, FLOP/s."""
    mfu: float | None
    """Share of that peak by the full_attention convention (PaLM, appendix B), as peers report it; None where the step
    was faster than every measurement of the peak."""
    memory_bytes: int | None
    """Most bytes of tensors on a GPU; None on a CPU."""
    traced_step_seconds: float
    """Seconds of a step while it was traced, the sum of `seconds`; tracing slows small steps down."""
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
    """Measure steps of `run` on synthetic tokens for about `seconds`, then trace TRACED_STEPS.

    `trace` is a file to write, for Perfetto. Raises ConfigError and MemoryError.
    """
    chosen = implementation or choose_implementation(run.model, run.train, device)
    run = dataclasses.replace(for_timing(run), dataset=DATASET)
    torch_device = torch.device(device)
    keep_freed_memory()
    with torch_settings(chosen.threads):
        training = Training(run, chosen, torch_device)
        shards = synthetic_shards(run.model.vocab, max(SHARD_TOKENS, 4 * run.train.batch * run.model.context))
        batches = Batches(run, shards, torch_device)
        typical = statistics.median(times(lambda: training.take_step(batches.at(training.step)), torch_device, seconds))
        traced, by_component = _traced(training, batches, trace)
        tokens = run.train.batch * run.model.context
        full = tokens / typical * flops_per_token_by(run.model)["full_attention"]
        mfu = utilisation(full, device, run.train.numerics)
        peak = matmul_peak(device, run.train.numerics)
    return Profile(
        device_name=device_name(torch_device),
        numerics=run.train.numerics,
        implementation=training.computation(),
        batch=run.train.batch,
        step_seconds=typical,
        tokens_per_second=tokens / typical,
        flops_per_second=tokens / typical * flops_per_token(run.model),
        matmul_peak=peak,
        mfu=mfu,
        memory_bytes=training.memory_peak(),
        traced_step_seconds=traced,
        seconds=by_component,
    )


def _traced(training: Training, batches: Batches, trace: Path | None) -> tuple[float, dict[str, float]]:
    """Seconds of a step under the tracer: in all, and by component."""
    gpu = training.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    with _labels(training), torch_profile(activities=activities) as tracer:
        training.synchronise()
        began = time.perf_counter()
        for _ in range(TRACED_STEPS):
            with record_function(_LABEL + "data"):
                sequences = batches.at(training.step)
            loss = training.gradients(sequences)
            with record_function(_LABEL + "optimizer"):
                training.update(loss)
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
    """A context in which the forward passes of the model's parts are marked for the tracer."""
    parts: list[tuple[nn.Module, str]] = [(training.model.final_norm, "head"), (training.model.head, "head")]
    names = {"attention_norm": "attention", "attention": "attention", "mlp_norm": "mlp", "mlp": "mlp"}
    for block in training.model.blocks:
        if training.implementation.compiled:
            parts.append((block, "block"))
        else:
            parts += [(block.get_submodule(part), name) for part, name in names.items()]
    open_labels: list[Any] = []

    def enter(name: str) -> None:
        """Open the label of a part."""
        open_labels.append(record_function(_LABEL + name))
        open_labels[-1].__enter__()

    def leave() -> None:
        """Close the innermost label."""
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
    """Microseconds by component, each operation without those it calls; a backward one counts as its forward one."""
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
    """The component of an event, by its own name or the nearest enclosing one that says; None where none does."""
    around: FunctionEvent | None = event
    while around is not None:
        name = around.name.removeprefix(_BACKWARD)
        if name.startswith(_LABEL):
            return name.removeprefix(_LABEL)
        for prefix, component in _COMPONENT_OF.items():
            if name.startswith(prefix):
                return component
        if around.name.startswith(_BACKWARD) and around.sequence_nr in forward:
            return forward[around.sequence_nr]
        around = around.cpu_parent
    return None
