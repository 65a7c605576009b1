"""The ways to compute a run that give the same mathematics: recorded with a result, not part of the run's hash."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib.util import find_spec

from model.config import Choice, ConfigError, ModelConfig, TrainConfig
from model.cpu.architecture import EXPLICIT_CONTEXT_MAX, OWN_BACKWARD, covers, default_branches
from model.cpu.build import NativeError, available, compiler, library
from model.flops import flops_per_token

KNOWN = {
    "attention": ("explicit", "fused"),
    "branches": ("autograd", *OWN_BACKWARD),
    "head": ("whole", "chunked"),
    "batches": ("padded", "separate"),
}
"""Values that the fields of an Implementation may have."""
COMPILE_FLOPS = {"cpu": 2e13, "cuda": 1e15}
"""Training FLOPs from which torch.compile repays itself. On a CPU it takes some 60 to 90 s per shape and saves a third
of the time at 40 GFLOP/s; on an H200 it takes 3 to 8 s and saves half of the time, from 1 to 17 million parameters."""
COMPILE_STEPS = 4000
"""Steps from which it repays itself on a GPU, however small they are: of each it saves some 2 ms of 4."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """One of several equivalent ways to compute a run; results are bit-equal only under the same one.

    Raises ConfigError for values that do not exist or do not go together.
    """

    attention: str = "explicit"
    """explicit (scores are materialised) | fused (torch's scaled_dot_product_attention)."""
    branches: str = "autograd"
    """autograd (torch derives the backward pass) | handwritten (`model.cpu.handwritten`) | native (`model.cpu.native`).

    The latter two need explicit attention; native also needs a C++ compiler."""
    head: str = "whole"
    """whole (the logits of a micro-batch are held) | chunked (`model.head`); handwritten and native always work in
    chunks."""
    compiled: bool = False
    """Compile each block with torch.compile, which pays only for runs much longer than the compilation."""
    threads: int = 1
    """CPU threads of torch."""
    stacked: int = 0
    """Runs of one shape that are computed as one (`model.stacked`), at most; 0 computes each by itself.

    On a GPU their step is one CUDA graph, which pays for a single small run too."""
    batches: str = "padded"
    """Of stacked runs whose batches differ: padded (the smaller ones get sequences of weight 0) | separate (those of
    each batch are a stack, and the stacks step by turns)."""
    micro_batch: int | None = None
    """Sequences of one forward and backward pass; None takes the whole batch. Running out of memory halves it."""

    def __post_init__(self) -> None:
        """Check every field."""
        for name, known in KNOWN.items():
            if getattr(self, name) not in known:
                raise ConfigError(f"implementation.{name} is {getattr(self, name)!r}: choose {' or '.join(known)}")
        if self.branches in OWN_BACKWARD and (self.attention != "explicit" or self.compiled):
            raise ConfigError(f"{self.branches} branches need explicit attention and no compilation")
        if self.branches in OWN_BACKWARD and self.stacked:
            raise ConfigError(f"{self.branches} branches compute one run at a time: choose autograd")
        if type(self.stacked) is not int or self.stacked < 0:
            raise ConfigError(f"implementation.stacked must be a whole number, not negative, is {self.stacked!r}")
        for name, count in (("threads", self.threads), ("micro_batch", self.micro_batch)):
            if count is not None and (type(count) is not int or count < 1):
                raise ConfigError(f"implementation.{name} must be a whole number of at least 1, is {count!r}")

    def to_dict(self) -> Choice:
        """Plain JSON-ready data."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Computation(Implementation):
    """How a run was really computed: the implementation, with the micro-batch that fitted, and where."""

    device: str
    """Kind of device: cpu | cuda."""
    device_name: str
    """Model of the processor or the GPU."""
    torch: str
    """Version of torch."""
    processes: int
    """Processes that trained together."""


def check_implementation(implementation: Implementation, model: ModelConfig, numerics: str, device: str) -> None:
    """Raise ConfigError if the implementation cannot compute this model with this profile on this kind of device."""
    if model.experts > 1 and (implementation.compiled or implementation.stacked):
        what = "compiled blocks" if implementation.compiled else "stacks"
        raise ConfigError(f"{what} cannot send tokens to experts: train each run alone, without compilation")
    if implementation.branches not in OWN_BACKWARD:
        return
    if not covers(model, numerics):
        raise ConfigError(f"{implementation.branches} branches cover the default architecture in fp32: choose autograd")
    if device != "cpu":
        raise ConfigError(f"{implementation.branches} branches run on a CPU, not on {device}: choose autograd")
    if implementation.branches == "native" and not available():
        raise ConfigError("native branches need a C++ compiler: choose handwritten")


def workable(
    implementation: Implementation, model: ModelConfig, train: TrainConfig, device: str
) -> tuple[Implementation, str]:
    """The implementation, or one that this machine can compute where that needs a compiler which is not here.

    Also why it was replaced; empty where it was not. A choice may come from a machine that has a compiler.
    """
    if implementation.compiled and not _compiles(device):
        return dataclasses.replace(implementation, compiled=False), "no compiled blocks: there is no compiler for them"
    if implementation.branches != "native":
        return implementation, ""
    try:
        library()
    except NativeError as error:
        default = choose_implementation(model, train, "cpu")
        return default, f"{default.branches} branches instead of native ones: {error}"
    return implementation, ""


def _compiles(device: str) -> bool:
    """Whether torch.compile has what it needs: a C++ compiler, or Triton on a GPU."""
    return compiler() is not None if device == "cpu" else find_spec("triton") is not None


def choose_implementation(model: ModelConfig, train: TrainConfig, device: str) -> Implementation:
    """The default: a function of the run, the kind of device and the compilers that exist, so that attempts agree."""
    flops = flops_per_token(model) * train.sequences * model.context
    long = flops >= COMPILE_FLOPS["cpu" if device == "cpu" else "cuda"]
    long = long or (device != "cpu" and train.steps >= COMPILE_STEPS)
    pays = long and model.experts == 1
    compiled = pays and _compiles(device)
    if device != "cpu":
        return Implementation(attention="fused", head="chunked", compiled=compiled)
    branches = default_branches(model, train.numerics)
    if branches in OWN_BACKWARD:
        return Implementation(branches=branches)
    attention = "explicit" if model.context <= EXPLICIT_CONTEXT_MAX else "fused"
    return Implementation(attention=attention, compiled=compiled)
