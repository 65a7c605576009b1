"""A training run as frozen records: its shape, its optimisation and its identity. Imports no torch."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Self

from model.values import checked_value, content_hash, plain_json
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
MLPS = ("swiglu", "gelu", "relu2")
"""Kinds of MLP: gated, of three matrices (Shazeer 2020); of two: GELU, squared ReLU (So et al. 2021, section 4)."""
OPTIMIZERS = ("adamw", "muon")
"""Optimizers: AdamW alone, or Muon for the matrices of the blocks and AdamW for the rest (see `model.muon`)."""
MOMENTUM = 0.95
"""Muon's momentum by default, that of Jordan et al. 2024 and of Liu et al. 2025."""
BALANCES = ("auxiliary", "bias", "none")
"""What keeps experts equally busy, see `ModelConfig.balance`."""
WINDOW_PATTERN = "S"
"""Blocks that slide where nothing else is said: all."""

Choice = dict[str, str | int | bool | None]
"""JSON of the choices that fix a run's bits on a machine: an Implementation, the kind of device, the processes."""


class ConfigError(ExpectedError, ValueError):
    """A field of a configuration has a value that cannot work; the message names the field."""

    kind = "invalid-run"


def _canonical(record: ModelConfig | TrainConfig, section: str) -> None:
    """Convert every number to its field's type, so that 1 and 1.0 are the same run. Raises ConfigError."""
    for field in dataclasses.fields(record):
        try:
            value = checked_value(field.name, str(field.type), getattr(record, field.name))
            object.__setattr__(record, field.name, value)
        except ValueError as error:
            raise ConfigError(f"{section}.{field.name} {error}") from None


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
    """Hidden width of the MLP, or of each expert."""
    mlp: str = "swiglu"
    """Kind of MLP: swiglu (three matrices) | gelu | relu2, the square of ReLU (two matrices each)."""
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
    kv_heads: int = 0
    """Heads of keys and values, each shared by n_heads / kv_heads heads of queries (Ainslie et al. 2023); 0 gives every
    head its own."""
    window: int = 0
    """Latest positions that one attends to, itself included, in tokens (Beltagy et al. 2020); 0 attends to all."""
    window_pattern: str = WINDOW_PATTERN
    """Which blocks have the window: S (the window) and L (all positions), repeated over the blocks, such as SSSL. With
    an L in it the last block is always L, as in nanochat."""
    experts: int = 1
    """MLPs of width d_ff in each block, of which a router chooses for each token (Shazeer et al. 2017); 1 has none."""
    active: int = 1
    """Experts that each token goes through."""
    balance: str = "auxiliary"
    """Keeps experts equally busy: auxiliary (a loss, Fedus et al. 2021, eq. 4) | bias (Wang et al. 2024) | none."""
    balance_weight: float | None = None
    """Weight of the auxiliary loss, or the step of the bias; None is that of their authors, 0.01 or 0.001."""

    def __post_init__(self) -> None:
        """Convert and check every field."""
        _canonical(self, "model")
        multiple = f"model.d_model {self.d_model} is not a multiple of n_heads {self.n_heads}"
        _require(self.d_model % self.n_heads == 0, multiple)
        _require(self.head_size % 2 == 0, f"the head size {self.head_size} (d_model / n_heads) must be even for RoPE")
        _require_one("model.mlp", self.mlp, MLPS)
        self._check_attention()
        self._check_experts()

    def _check_attention(self) -> None:
        """Check grouped heads and the window; write what changes nothing as the default, so that equal runs are one."""
        _require(
            not self.kv_heads or self.n_heads % self.kv_heads == 0,
            f"model.kv_heads {self.kv_heads} does not divide n_heads {self.n_heads}",
        )
        pattern = self.window_pattern
        _require(
            bool(pattern) and set(pattern) <= {"S", "L"},
            f"model.window_pattern is {pattern[:80]!r}: write S and L, such as SSSL",
        )
        if self.kv_heads == self.n_heads:
            object.__setattr__(self, "kv_heads", 0)
        if self.window >= self.context or "S" not in pattern:
            object.__setattr__(self, "window", 0)
        if not self.window:
            object.__setattr__(self, "window_pattern", WINDOW_PATTERN)

    def _check_experts(self) -> None:
        """Check the fields of experts; write what changes nothing as the default, so that equal runs are one."""
        _require_one("model.balance", self.balance, BALANCES)
        if self.experts == 1:
            object.__setattr__(self, "active", 1)
            object.__setattr__(self, "balance", BALANCES[0])
        if self.experts == 1 or self.balance == "none":
            object.__setattr__(self, "balance_weight", None)
        _require(self.active <= self.experts, f"model.active is {self.active}, above model.experts = {self.experts}")

    @property
    def head_size(self) -> int:
        """Channels of one attention head."""
        return self.d_model // self.n_heads

    @property
    def kv_size(self) -> int:
        """Channels of the keys, and of the values, of all their heads."""
        return (self.kv_heads or self.n_heads) * self.head_size

    @property
    def gated(self) -> bool:
        """Whether the MLP multiplies its value with a gate, by a third matrix."""
        return self.mlp == "swiglu"

    @property
    def windows(self) -> tuple[int, ...]:
        """Latest positions that each block attends to, from the first block: the window, or the whole context."""
        if not self.window:
            return (self.context,) * self.n_layers
        pattern = self.window_pattern
        kinds = (pattern * (self.n_layers // len(pattern) + 1))[: self.n_layers]
        if "L" in pattern:
            kinds = kinds[:-1] + "L"
        return tuple(self.window if kind == "S" else self.context for kind in kinds)

    @property
    def plain_attention(self) -> bool:
        """Whether every head has keys and values of its own and attends to all positions."""
        return not (self.kv_heads or self.window)


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
    optimizer: str = "adamw"
    """adamw | muon, which is Muon for the matrices of the blocks and AdamW for embedding, head and vectors."""
    momentum: float = MOMENTUM
    """Muon's momentum; AdamW has none."""
    unique_sequences: int | None = None
    """Different training sequences that the run reads: those that it would read first. None is all of the corpus."""

    def __post_init__(self) -> None:
        """Convert and check every field."""
        _canonical(self, "train")
        _require(0 <= self.seed < SEEDS, f"train.seed must lie between 0 and 2^63 - 1, is {self.seed}")
        _require_one("train.schedule", self.schedule, SCHEDULES)
        _require_one("train.numerics", self.numerics, NUMERICS)
        _require(self.warmup + self.cooldown <= 1, "train.warmup + train.cooldown exceed the whole run")
        _require_one("train.optimizer", self.optimizer, OPTIMIZERS)
        if self.optimizer == "adamw":
            object.__setattr__(self, "momentum", MOMENTUM)

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
        return content_hash(self.to_dict())

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
        return content_hash(record)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data; `from_dict` is its inverse."""
        return {
            "model": plain_json(self.model),
            "train": plain_json(self.train),
            "dataset": self.dataset,
            "math_version": self.math_version,
        }

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
