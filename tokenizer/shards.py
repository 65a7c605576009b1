"""Memory-mapped token shards: what a dataset's folder holds, opened and verified. Imports numpy alone.

A dataset is a folder named after its content hash: train.bin and validation.bin (little-endian ids, each document
behind a BOS), tokenizer.json, and manifest.json.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tokenizer.errors import ExpectedError

FORMAT = 1
"""Version of the folder's layout."""
SPLITS = ("train", "validation")
"""Parts of a dataset, each in a file of its name."""
UNFINISHED = ".unfinished-"
"""Prefix of folders that a writer has not completed; they may be deleted while no writer runs."""

_NO_IDENTITY = frozenset({"dataset", "source", "created_with", "encoder", "cleaning"})
"""Fields of a manifest that its content hash leaves out."""
_REMEDY = "delete the folder and prepare the corpus again"
"""What to do about a damaged dataset."""

Tokens = npt.NDArray[np.unsignedinteger]
"""Ids of a split, uint16 or uint32."""


class ShardError(ExpectedError, ValueError):
    """A dataset folder is missing, torn or altered; the message says which file and what to do."""

    kind = "dataset"


@dataclass(frozen=True)
class Manifest:
    """What a dataset holds and what it was made from. The writer fills in the fields that it measures."""

    corpus: str
    """Content hash of the corpus."""
    tokenizer: str
    """Hash of tokenizer.json."""
    source: str
    """Kind of the corpus's source; not part of the identity."""
    vocab: int
    """Entries of the tokenizer's vocabulary."""
    dataset: str = ""
    """Content hash, 16 hexadecimal digits: the dataset's identity."""
    dtype: str = ""
    """Type of an id: uint16, or uint32 above 65,536 entries."""
    train_tokens: int = 0
    """Training tokens with BOS: the unique tokens of one epoch."""
    validation_tokens: int = 0
    """Validation tokens with BOS."""
    train_bytes: int = 0
    """UTF-8 bytes of the training text."""
    validation_bytes: int = 0
    """UTF-8 bytes of the validation text."""
    train_documents: int = 0
    """Training documents."""
    validation_documents: int = 0
    """Validation documents."""
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file, by name."""
    created_with: dict[str, str] = field(default_factory=dict)
    """Versions of the libraries that made it; not part of the identity."""
    encoder: dict[str, str] = field(default_factory=dict)
    """The encoder's name and how it compared with the canonical tokenizer; not part of the identity."""
    format: int = FORMAT
    """Version of the folder's layout."""
    scored_bytes: int = 0
    """UTF-8 bytes of the validation text where each run is scored on all of it, so that tokenizers are compared on the
    same documents; 0 where it is scored on the first validation tokens."""
    cleaning: dict[str, Any] = field(default_factory=dict)
    """What was read of the corpus, what was left out and why, with samples; not part of the identity."""
    domains: dict[str, Any] = field(default_factory=dict)
    """Of a mix, by the names of its domains: weight (its share of what is read), documents, bytes and tokens. The
    training tokens are those of one domain after the other, in the alphabetical order of their names."""
    sets: dict[str, Any] = field(default_factory=dict)
    """Further validation sets by name: documents, bytes, tokens, scored_bytes as above, and text, the identity of their
    documents."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready data."""
        return dataclasses.asdict(self)

    @property
    def identity(self) -> str:
        """The content hash, 16 hexadecimal digits, that `dataset` must equal."""
        parts = {name: value for name, value in self.to_dict().items() if name not in _NO_IDENTITY}
        for name in ("scored_bytes", "domains", "sets"):
            if not parts[name]:
                del parts[name]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def unique_tokens(self) -> int:
        """Training tokens of one pass: until the text, or that of a domain, begins again."""
        ends = [facts["tokens"] / facts["weight"] for facts in self.domains.values()]
        return int(min(ends, default=self.train_tokens))

    def text_of(self, name: str = "") -> ValidationText:
        """What the validation text is, or that of a further set."""
        facts = self.sets[name] if name else None
        if facts is None:
            return ValidationText(self.validation_bytes, self.validation_tokens, self.scored_bytes)
        return ValidationText(facts["bytes"], facts["tokens"], facts["scored_bytes"])


@dataclass(frozen=True)
class ValidationText:
    """How large a validation text is."""

    bytes: int
    """UTF-8 bytes."""
    tokens: int
    """Tokens with BOS."""
    scored_bytes: int
    """As in a manifest."""

    @property
    def bytes_per_token(self) -> float:
        """UTF-8 bytes per token: bits per byte = nats per token ÷ ln 2 ÷ this."""
        return self.bytes / self.tokens


@dataclass(frozen=True)
class Shards:
    """An open dataset; the arrays are read-only views of the files."""

    path: Path
    """The dataset's folder."""
    manifest: Manifest
    """What it holds."""
    train: Tokens
    """Training ids, shape [train_tokens]."""
    validation: Tokens
    """Validation ids, shape [validation_tokens]."""
    sets: Mapping[str, Tokens] = field(default_factory=dict)
    """Ids of the further validation sets by name."""

    def validation_of(self, name: str = "") -> Tokens:
        """The ids of the validation text, or of a further set."""
        return self.sets[name] if name else self.validation


def set_file(name: str) -> str:
    """Name of the file of a further validation set, without its ending."""
    return f"validation-{name}"


def id_dtype(vocab: int) -> str:
    """The smaller of uint16 and uint32 that holds every id of a vocabulary."""
    return "uint16" if vocab <= 2**16 else "uint32"


def open_shards(path: Path) -> Shards:
    """Open a dataset. Every file is read and its hash compared, unless this process did so since its last change.

    SHA-256 takes 4 s a gigabyte on an old processor, less than 1 s on one with instructions for it.

    Raises ShardError where a file is missing, or has the wrong size or content.
    """
    manifest = read_manifest(path)
    _verify(path, manifest)
    counts = (manifest.train_tokens, manifest.validation_tokens)
    splits = (_map_tokens(path, manifest, *each) for each in zip(SPLITS, counts, strict=True))
    sets = {name: _map_tokens(path, manifest, set_file(name), one["tokens"]) for name, one in manifest.sets.items()}
    return Shards(path, manifest, *splits, sets)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a dataset's folder, checked against its own hash, without a look at the data. Raises ShardError.

    The hash also covers those of the data.
    """
    return _parse_manifest(folder / "manifest.json")


def _parse_manifest(path: Path) -> Manifest:
    """The manifest of a dataset, checked against its own hash. Raises ShardError."""
    try:
        data = json.loads(path.read_bytes())
        manifest = _checked(Manifest(**data))
    except FileNotFoundError as error:
        raise ShardError(f"{path} does not exist: prepare the corpus first, or name a dataset's folder") from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ShardError(f"{path} is damaged ({error}): {_REMEDY}") from error
    if manifest.format != FORMAT:
        raise ShardError(f"{path} has format {manifest.format}, this version reads {FORMAT}: {_REMEDY}")
    if manifest.identity != manifest.dataset:
        raise ShardError(
            f"{path} was altered: its content hash is {manifest.identity}, not {manifest.dataset}; {_REMEDY}"
        )
    return manifest


def _checked(manifest: Manifest) -> Manifest:
    """A manifest whose fields have their types. Raises TypeError."""
    kinds: dict[object, type] = {"int": int, "str": str}
    for field_ in dataclasses.fields(Manifest):
        if type(getattr(manifest, field_.name)) is not kinds.get(field_.type, dict):
            raise TypeError(f"{field_.name} is not of type {field_.type}")
    if manifest.dtype != id_dtype(manifest.vocab):
        raise TypeError(f"dtype is {manifest.dtype!r} for {manifest.vocab} entries")
    return manifest


def _verify(path: Path, manifest: Manifest) -> None:
    """Raise ShardError unless every file has the hash that the manifest names, which covers all that are opened."""
    for name in {*manifest.files, *(f"{split}.bin" for split in (*SPLITS, *map(set_file, manifest.sets)))}:
        file = path / name
        try:
            with file.open("rb") as stream:
                state = _Seen.of(os.fstat(stream.fileno()), manifest.files.get(name, ""))
                if _verified.get(file) == state:
                    continue
                actual = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ShardError(f"{file} cannot be read ({error}): {_REMEDY}") from error
        if actual != manifest.files.get(name):
            raise ShardError(f"{file} was altered: its SHA-256 is not the manifest's; {_REMEDY}")
        _verified[file] = state


@dataclass(frozen=True)
class _Seen:
    """A file as it was when its content was verified."""

    device: int
    """Number of its file system."""
    inode: int
    """Its number there."""
    bytes: int
    """Its size."""
    changed_ns: int
    """When its content or its permissions changed last, nanoseconds: nobody but root can set it back."""
    hash: str
    """The SHA-256 that it had."""

    @classmethod
    def of(cls, status: os.stat_result, digest: str) -> _Seen:
        """A file by its status and its hash."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns, digest)


_verified: dict[Path, _Seen] = {}
"""Files whose content this process verified; they are read again once they changed."""


def _map_tokens(path: Path, manifest: Manifest, split: str, count: int) -> Tokens:
    """A split's ids, shape [count], as a read-only view of its file. Raises ShardError."""
    file = path / f"{split}.bin"
    dtype = np.dtype(manifest.dtype).newbyteorder("<")
    try:
        size = file.stat().st_size
    except OSError as error:
        raise ShardError(f"{file} is missing: {_REMEDY}") from error
    if size != count * dtype.itemsize:
        raise ShardError(f"{file} holds {size} bytes, not {count * dtype.itemsize}: {_REMEDY}")
    # A plain array: a memmap pays for its subclass at every indexing.
    return np.memmap(file, dtype=dtype, mode="r", shape=(count,)).view(np.ndarray)
