"""A training run as frozen records: its shape, its optimisation and its identity. Imports no torch."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, SupportsFloat

from tokenizer.errors import ExpectedError

MATH_VERSION = 2
"""Raised whenever the arithmetic of training changes, so that old and new runs never share an identity.
A golden-loss test enforces this."""
NUMERICS = ("fp32", "bf16")
"""Numerics profiles: everything in fp32, or fp32 weights with matrix products and activations in bf16."""
SEEDS = 2**63
"""Seeds that there are, from 0."""
SCHEDULES = ("wsd", "cosine")
"""Learning-rate schedules: warmup, stable, linear decay (Hägele et al. 2024); warmup and cosine (Loshchilov & Hutter
2017)."""
MLPS = ("swiglu", "gelu")
"""Kinds of MLP: gated, with three matrices (Shazeer 2020), and plain, with two."""

Choice = dict[str, str | int | bool | None]
"""JSON of the choices that fix a run's bits on a machine: an Implementation, the kind of device, the processes."""


class ConfigError(ExpectedError, ValueError):
    """A field of a configuration has a value that cannot work; the message names the field."""

    kind = "invalid-run"


def _canonical(record: ModelConfig | TrainConfig, section: str) -> None:
    """Convert every number to its field's type, so that 1 and 1.0 are the same run.

    Raises ConfigError for a value that is not a finite number, or not a whole one where the field counts something.
    """
    for field in dataclasses.fields(record):
        name, kind = field.name, str(field.type)
        value = getattr(record, name)
        if kind in ("str", "bool") or (value is None and "None" in kind):
            if kind == "bool" and not isinstance(value, bool):
                raise ConfigError(f"{section}.{name} is {value!r}: true or false")
            continue
        if not _is_finite(value):
            raise ConfigError(f"{section}.{name} must be a finite number, is {value!r}")
        typed = int(value) if kind.startswith("int") else float(value)
        if typed != value:
            raise ConfigError(f"{section}.{name} must be a whole number, is {value!r}")
        object.__setattr__(record, name, typed)


def _is_finite(value: object) -> bool:
    """Whether a value is a number that is finite as a float too."""
    if type(value) is float:  # nearly always, and the protocol takes microseconds to look for
        return math.isfinite(value)
    if isinstance(value, (bool, str)) or not isinstance(value, int | SupportsFloat):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _require(condition: bool, message: str) -> None:
    """Raise ConfigError with the message unless the condition holds."""
    if not condition:
        raise ConfigError(message)


def _require_one(field: str, value: str, known: tuple[str, ...]) -> None:
    """Raise ConfigError unless the value is one of the known ones."""
    _require(value in known, f"{field} is {value!r}: choose {' or '.join(known)}")


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of a decoder-only Transformer and the parts that it consists of. Raises ConfigError."""

    vocab: int
    """Entries of the tokenizer's vocabulary."""
    context: int
    """Tokens of one training sequence, T."""
    d_model: int
    """Width of the residual stream, d."""
    n_layers: int
    """Blocks, L."""
    n_heads: int
    """Attention heads; the head size is d_model / n_heads and must be even."""
    d_ff: int
    """Hidden width of the MLP."""
    mlp: str = "swiglu"
    """Kind of MLP: swiglu (three matrices) | gelu (two matrices)."""
    qk_norm: bool = True
    """Normalise queries and keys per head by RMSNorm before attention (Dehghani et al. 2023, section 2)."""
    norm_weights: bool = False
    """Give every RMSNorm a learnable weight per channel."""
    norm_eps: float = 1e-6
    """Added to the mean square inside RMSNorm."""
    rope_base: float = 10_000.0
    """Base of the rotary position frequencies (Su et al. 2021); 0 switches positions off."""
    tied_head: bool = False
    """Use the embedding matrix as the output head, with logits scaled so that the first loss is that of a guess."""
    biases: bool = False
    """Give every linear layer a bias."""
    logit_cap: float = 0.0
    """Soft cap of the logits, cap·tanh(x/cap); 0 switches it off."""

    def __post_init__(self) -> None:
        """Convert and check every field."""
        _canonical(self, "model")
        for name in ("vocab", "context", "d_model", "n_layers", "n_heads", "d_ff"):
            _require(getattr(self, name) >= 1, f"model.{name} must be at least 1, is {getattr(self, name)}")
        _require(
            self.d_model % self.n_heads == 0,
            f"model.d_model {self.d_model} is not a multiple of n_heads {self.n_heads}",
        )
        _require(self.head_size % 2 == 0, f"the head size {self.head_size} (d_model / n_heads) must be even for RoPE")
        _require(self.norm_eps > 0, f"model.norm_eps must be positive, is {self.norm_eps}")
        for name in ("rope_base", "logit_cap"):
            _require(getattr(self, name) >= 0, f"model.{name} must not be negative, is {getattr(self, name)}")
        _require_one("model.mlp", self.mlp, MLPS)

    @property
    def head_size(self) -> int:
        """Channels of one attention head."""
        return self.d_model // self.n_heads


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """How one model is trained. Lengths are in sequences of `ModelConfig.context` tokens. Raises ConfigError."""

    sequences: int
    """Training sequences of the whole run; D = sequences · context tokens."""
    batch: int
    """Sequences of one optimizer step; the last step may hold fewer."""
    lr: float
    """Peak learning rate of the matrices."""
    embedding_lr: float | None = None
    """Peak learning rate of embedding and head; None uses `lr`."""
    schedule: str = "wsd"
    """Learning-rate schedule: wsd (warmup, stable, linear cooldown) | cosine."""
    warmup: float = 0.02
    """Share of the steps over which the learning rate rises linearly from 0."""
    warmup_steps: int | None = None
    """Warmup in steps, so that runs of several lengths can share a trunk; None uses `warmup`."""
    cooldown: float = 0.2
    """Share of the steps over which WSD falls linearly to `final_lr`."""
    final_lr: float = 0.0
    """Learning rate at the end, as a share of the peak."""
    weight_decay: float = 0.1
    """Decoupled weight decay of the matrices; it is not applied to embeddings and vectors."""
    beta1: float = 0.9
    """AdamW's first-moment decay."""
    beta2: float = 0.99
    """AdamW's second-moment decay."""
    eps: float = 1e-8
    """AdamW's epsilon."""
    clip: float = 1.0
    """Global gradient-norm limit; 0 switches clipping off."""
    seed: int = 0
    """Seed of the initial weights and of the order of the data."""
    numerics: str = "fp32"
    """Numerics profile: fp32 | bf16."""

    def __post_init__(self) -> None:
        """Convert and check every field."""
        _canonical(self, "train")
        _require(self.sequences >= 1, f"train.sequences must be at least 1, is {self.sequences}")
        _require(self.batch >= 1, f"train.batch must be at least 1, is {self.batch}")
        for name in ("lr", "embedding_lr", "eps"):
            value = getattr(self, name)
            _require(value is None or value > 0, f"train.{name} must be positive, is {value}")
        _require(0 <= self.seed < SEEDS, f"train.seed must lie between 0 and 2^63 - 1, is {self.seed}")
        _require_one("train.schedule", self.schedule, SCHEDULES)
        _require_one("train.numerics", self.numerics, NUMERICS)
        for name in ("warmup", "cooldown", "final_lr"):
            value = getattr(self, name)
            _require(0 <= value <= 1, f"train.{name} is a share between 0 and 1, is {value}")
        _require(self.warmup + self.cooldown <= 1, "train.warmup + train.cooldown exceed the whole run")
        _require((self.warmup_steps or 0) >= 0, f"train.warmup_steps must not be negative, is {self.warmup_steps}")
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            _require(0 <= value < 1, f"train.{name} must lie in [0, 1), is {value}")
        for name in ("weight_decay", "clip"):
            _require(getattr(self, name) >= 0, f"train.{name} must not be negative, is {getattr(self, name)}")

    @property
    def steps(self) -> int:
        """Optimizer steps, including a last partial one."""
        return -(-self.sequences // self.batch)

    @property
    def branch_step(self) -> int:
        """Steps before the cooldown, all with whole batches: runs of a trunk share the state after them."""
        _, cooldown = phase_steps(self)
        return min(self.steps - cooldown, self.sequences // self.batch)


def phase_steps(train: TrainConfig) -> tuple[int, int]:
    """(warmup, cooldown) in steps: their shares of all steps, rounded half up; together at most all steps."""
    warmup = math.floor(train.warmup * train.steps + 0.5) if train.warmup_steps is None else train.warmup_steps
    warmup = min(warmup, train.steps)
    cooldown = math.floor(train.cooldown * train.steps + 0.5) if train.schedule == "wsd" else 0
    return warmup, min(cooldown, train.steps - warmup)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything that determines a run's result: the run's identity is the hash of this record."""

    model: ModelConfig
    """Shape and parts of the model."""
    train: TrainConfig
    """Optimisation, length and seed."""
    dataset: str
    """Content hash of the tokenised corpus, which covers the tokenizer and the split."""
    math_version: int = MATH_VERSION
    """Version of the arithmetic, see MATH_VERSION."""

    @property
    def tokens(self) -> int:
        """Training tokens D."""
        return self.train.sequences * self.model.context

    @property
    def run_id(self) -> str:
        """Identity by content: the first 16 hexadecimal digits of the SHA-256 of the canonical JSON."""
        return _hash(self.to_dict())

    @property
    def trunk_id(self) -> str | None:
        """Identity of the constant-rate training that this run begins with: that of the run without D and cooldown.

        Runs with equal trunk_id have equal states after any number of steps up to the smaller of their `branch_step`s.
        None under a schedule without a constant part, in which every step depends on D.
        """
        if self.train.schedule != "wsd":
            return None
        record = self.to_dict()
        for name in ("sequences", "cooldown", "final_lr", "warmup"):
            del record["train"][name]
        record["train"]["warmup_steps"] = phase_steps(self.train)[0]
        return _hash(record)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data; `from_dict` is its inverse.

        `warmup_steps` is left out where it is None, which keeps the identities of runs older than the field.
        """
        record = dataclasses.asdict(self)
        if self.train.warmup_steps is None:
            del record["train"]["warmup_steps"]
        return record

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Rebuild a run from what `to_dict` returned. Raises ConfigError, KeyError or TypeError for other data."""
        return cls(
            model=ModelConfig(**data["model"]),
            train=TrainConfig(**data["train"]),
            dataset=data["dataset"],
            math_version=data["math_version"],
        )


def check_arithmetic(run: RunConfig) -> None:
    """Raise ConfigError for a run that needs another version of the arithmetic than this code has."""
    if run.math_version != MATH_VERSION:
        needed = f"the run needs arithmetic version {run.math_version}, this code has {MATH_VERSION}"
        raise ConfigError(f"{needed}: plan it anew")


def _hash(record: Mapping[str, object]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the canonical JSON."""
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def branch_points(runs: Iterable[RunConfig]) -> dict[str, tuple[int, ...]]:
    """For each trunk that several runs share, the steps at which one of them branches off, ascending."""
    points: dict[str, list[int]] = {}
    for run in set(runs):
        if run.trunk_id is not None:
            points.setdefault(run.trunk_id, []).append(run.train.branch_step)
    return {trunk: tuple(sorted(set(steps))) for trunk, steps in points.items() if len(steps) > 1}


def state_name(step: int, choice: Choice) -> str:
    """File name of a trunk's state after `step` steps, computed under one choice; names sort by step."""
    key = hashlib.sha256(json.dumps(choice, sort_keys=True).encode()).hexdigest()[:8]
    return f"branch-{step:09d}-{key}.ckpt"


def state_step(name: str) -> int | None:
    """The step in a name that `state_name` made; None for any other file name."""
    kind, _, rest = name.partition("-")
    step = rest.partition("-")[0]
    return int(step) if kind == "branch" and step.isdigit() and name.endswith(".ckpt") else None
