"""The token windows of each optimizer step, a pure function of seed and step; gathered in chunks or on the device."""

# B = sequences of a batch, T = tokens of a context; a window has T + 1 tokens: inputs and targets.

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.config import RunConfig, check_arithmetic
from tokenizer.errors import ExpectedError
from tokenizer.mixing import domains_of, mixed_indices
from tokenizer.shards import Shards
from tokenizer.windows import gather, sequence_count, sequence_indices

CHUNK_SEQUENCES = 1024
"""Sequences that are fetched at once: their positions, and on a CPU their tokens too."""


class DataError(ExpectedError, ValueError):
    """The token shards do not fit the run; the message says how."""

    kind = "data"


def check_run(run: RunConfig, data: Shards) -> None:
    """Raise ConfigError for a run of another arithmetic, and DataError unless `data` is its dataset and fits it."""
    check_arithmetic(run)
    check_data(run, data)


def check_data(run: RunConfig, data: Shards) -> None:
    """Raise DataError unless `data` is the run's dataset, fits its vocabulary, and has a sequence in each split."""
    if data.manifest.dataset != run.dataset:
        raise DataError(f"the run names dataset {run.dataset}, the folder {data.path} holds {data.manifest.dataset}")
    if data.manifest.vocab > run.model.vocab:
        raise DataError(f"the tokenizer has {data.manifest.vocab} entries, the model's vocab only {run.model.vocab}")
    for split in ("train", "validation"):
        tokens = len(getattr(data, split))
        if not sequence_count(tokens, run.model.context):
            raise DataError(_too_short(f"{split} split", data, tokens, run.model.context))
    for name, ids in data.sets.items():
        if not sequence_count(len(ids), run.model.context):
            raise DataError(_too_short(f"validation set {name}", data, len(ids), run.model.context))
    for domain in domains_of(data.manifest.domains, run.model.context):
        if not domain.windows:
            tokens = data.manifest.domains[domain.name]["tokens"]
            raise DataError(_too_short(f"domain {domain.name}", data, tokens, run.model.context))


def _too_short(part: str, data: Shards, tokens: int, context: int) -> str:
    """The message for a part of a dataset that has not even one sequence."""
    return (
        f"the {part} of {data.path} has {tokens} tokens, fewer than one sequence of {context} + 1: give more text or "
        "a shorter context"
    )


class Batches:
    """Training sequences by step: step s reads from position s · batch of the run's keyed order on."""

    def __init__(
        self, run: RunConfig, data: Shards, device: torch.device, resident: dict[Path, Tensor] | None = None
    ) -> None:
        """The run's order over the training split; on a GPU the whole split is copied there.

        Runs with the same `resident` splits share one copy of each, by the folder of its shards.
        """
        self._train = run.train
        self._context = run.model.context
        self._windows = sequence_count(len(data.train), self._context)
        self._domains = domains_of(data.manifest.domains, self._context)
        self._source: Tensor | np.ndarray = data.train
        if device.type != "cpu":
            copies = {} if resident is None else resident
            if data.path not in copies:
                copies[data.path] = _resident(data.train, device)
            self._source = copies[data.path]
        self._device = device
        self._chunk_steps = max(1, CHUNK_SEQUENCES // run.train.batch)
        self._chunk: Tensor | None = None
        self._first_step = 0

    def at(self, step: int) -> Tensor:
        """Sequences of optimizer step `step`, int64 [B, T + 1]; the last step may hold fewer than `batch`."""
        chunk_start = step - step % self._chunk_steps
        if self._chunk is None or chunk_start != self._first_step:
            self._chunk, self._first_step = self._fetch(chunk_start), chunk_start
        row = (step - chunk_start) * self._train.batch
        return self._chunk[row : row + self._train.batch]

    def _fetch(self, step: int) -> Tensor:
        """Sequences of a chunk of steps that begins with `step`, as far as the run goes."""
        first = step * self._train.batch
        count = min(self._chunk_steps * self._train.batch, self._train.sequences - first)
        if self._domains:
            indices = mixed_indices(self._train.seed, first, count, self._domains)
        else:
            indices = sequence_indices(self._train.seed, first, count, self._windows)
        return windows_at(self._source, indices, self._context, self._device)


def windows_at(source: Tensor | np.ndarray, indices: np.ndarray, context: int, device: torch.device) -> Tensor:
    """Windows by index, int64 [B, T + 1], on `device`: gathered there if `source` is a resident tensor, else here."""
    if not isinstance(source, Tensor):
        return torch.from_numpy(gather(source, indices, context))
    starts = torch.from_numpy(indices).to(device, non_blocking=True) * context
    offsets = torch.arange(context + 1, device=device)
    return source[starts[:, None] + offsets].to(torch.int64) & _mask(source)


def _resident(tokens: np.ndarray, device: torch.device) -> Tensor:
    """The whole split on the device, as signed integers of the same width: torch cannot index unsigned ones."""
    native = tokens.astype(tokens.dtype.newbyteorder("="), copy=False)
    return torch.from_numpy(native.view(f"i{native.dtype.itemsize}").copy()).to(device)


def _mask(source: Tensor) -> int:
    """Mask of an id's bits, which undoes the sign."""
    return (1 << 8 * source.element_size()) - 1
