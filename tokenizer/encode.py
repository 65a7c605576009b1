"""Encodes a corpus, with the fastest library at hand that agrees with the canonical tokenizer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from tokenizer.given import HuggingFaceTokenizer
from tokenizer.probes import probes
from tokenizer.stretches import parts
from tokenizer.vocabulary import BOS, BpeTokenizer, Tokenizer

GPT2_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
"""The pre-splitting of GPT-2 (Radford et al. 2019, section 2.2), as in its published encoder."""

SAMPLE_CHARACTERS = 1_000_000
"""Characters of the corpus on which the two encoders are compared."""
_CHUNK = 256
"""Documents that are encoded at once, unless they are long."""
_CHUNK_CHARACTERS = 1_000_000
"""Characters, beyond which no further document joins them."""


@dataclass(frozen=True)
class Encoder:
    """A way to encode many texts at once."""

    name: str
    """Library and version."""
    parity: str
    """How it compared with the canonical tokenizer, as a sentence."""
    encode_batch: Callable[[Sequence[str]], list[npt.NDArray[np.uint32]]]
    """Ids of each text, without BOS."""


def choose_encoder(tokenizer: Tokenizer, sample: Iterable[str]) -> Encoder:
    """The fastest library that gives the canonical ids on the beginning of the sample, and on texts of every kind.

    tuetoken where it is installed, then tiktoken, else the tokenizer itself.
    """
    if not isinstance(tokenizer, BpeTokenizer | HuggingFaceTokenizer):
        return Encoder("isoflop", "canonical", tokenizer.encode_batch)
    texts = list(_first(sample, SAMPLE_CHARACTERS))
    tried = [*texts, *probes()]
    wanted = tokenizer.encode_batch(tried)
    size = sum(map(len, texts))
    refused: list[str] = []
    for library, make in _faster(tokenizer):
        name = f"{library} {version(library)}"
        encode_batch = make()
        pairs = zip(wanted, encode_batch(tried), strict=True)
        differing = sum(not np.array_equal(canonical, quick) for canonical, quick in pairs)
        if not differing:
            same = f"identical to tokenizers {version('tokenizers')} on {len(texts)} documents, {size} characters"
            return Encoder(name, "; ".join((same, *refused)), encode_batch)
        refused.append(f"{name} differs on {differing} of {len(tried)} documents and was not used")
    return Encoder(f"tokenizers {version('tokenizers')}", "; ".join(refused) or "canonical", tokenizer.encode_batch)


def encoder_named(tokenizer: Tokenizer, name: str) -> Encoder:
    """What `choose_encoder` chose for a tokenizer, by its name, in another process."""
    if isinstance(tokenizer, BpeTokenizer | HuggingFaceTokenizer):
        for library, make in _faster(tokenizer):
            if name.startswith(f"{library} "):
                return Encoder(name, "", make())
    return Encoder(name, "", tokenizer.encode_batch)


EncodeBatch = Callable[[Sequence[str]], list[npt.NDArray[np.uint32]]]
"""Encodes texts to the ids of each."""


def _faster(tokenizer: BpeTokenizer | HuggingFaceTokenizer) -> Iterator[tuple[str, Callable[[], EncodeBatch]]]:
    """Libraries that are faster than the tokenizer's own, the fastest first, and what makes their encoders."""
    own = isinstance(tokenizer, BpeTokenizer)
    if find_spec("tuetoken") and (isinstance(tokenizer, BpeTokenizer) or tokenizer.is_byte_level):
        yield "tuetoken", lambda: TuetokenEncoder(tokenizer.definition, cut=own).encode_batch
    if isinstance(tokenizer, BpeTokenizer):
        yield "tiktoken", lambda: TiktokenEncoder(tokenizer).encode_batch


class TuetokenEncoder:
    """A tokenizer.json of byte-level BPE in tuetoken, which encodes twice as fast as tiktoken on one core."""

    def __init__(self, definition: str, *, cut: bool) -> None:
        """Hand it the tokenizer; `cut` says whether texts are encoded in the parts that isoflop's own BPE goes by."""
        import tuetoken

        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
            file.write(definition)
            file.flush()
            self._inner = tuetoken.Tokenizer(file.name)
        self._cut = cut

    def encode_batch(self, texts: Sequence[str]) -> list[npt.NDArray[np.uint32]]:
        """Ids of each text, without BOS."""
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> npt.NDArray[np.uint32]:
        """Ids of one text."""
        cut = parts(text) if self._cut else (text,)
        ids = [np.array(self._inner.encode_ordinary(part), dtype=np.uint32) for part in cut]
        return ids[0] if len(ids) == 1 else np.concatenate(ids)


def _first(texts: Iterable[str], limit: int) -> Iterator[str]:
    """Whole texts until they have this many characters."""
    taken = 0
    for text in texts:
        yield text
        taken += len(text)
        if taken >= limit:
            return


class TiktokenEncoder:
    """A BPE tokenizer of Hugging Face in tiktoken: ids rise in the order of the merges, so they serve as ranks."""

    def __init__(self, tokenizer: BpeTokenizer) -> None:
        """Hand the tokenizer's vocabulary to tiktoken."""
        import tiktoken

        self._inner = tiktoken.Encoding(
            tokenizer.name, pat_str=GPT2_PATTERN, mergeable_ranks=byte_ranks(tokenizer), special_tokens={}
        )

    def encode_batch(self, texts: Sequence[str]) -> list[npt.NDArray[np.uint32]]:
        """Ids of each text, without BOS.

        On the calling thread: in the threads of a pool each byte took 1.2 to 1.4 times the CPU time (tiktoken 0.14,
        glibc), and two of them were no faster on a busy machine with two cores.
        """
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> npt.NDArray[np.uint32]:
        """Ids of one text. In parts: beyond a million blanks the stack of tiktoken's regular expression overflows."""
        ids = [np.array(self._inner.encode_ordinary(part), dtype=np.uint32) for part in parts(text)]
        return ids[0] if len(ids) == 1 else np.concatenate(ids)


def byte_ranks(tokenizer: BpeTokenizer) -> dict[bytes, int]:
    """Id of each token by its bytes, from tokenizer.json, which writes bytes in GPT-2's printable alphabet."""
    vocabulary: dict[str, int] = json.loads(tokenizer.to_json())["model"]["vocab"]
    byte_of = _byte_of_printable()
    return {bytes(byte_of[char] for char in token): i for token, i in vocabulary.items() if token != BOS}


def _byte_of_printable() -> dict[str, int]:
    """Inverse of GPT-2's bytes_to_unicode: printable bytes stand for themselves, the others for U+0100 onwards."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


def encode_documents(
    encoder: Encoder, texts: Iterable[str], bos: int, dtype: npt.DTypeLike
) -> Iterator[npt.NDArray[np.unsignedinteger]]:
    """An array of BOS and ids for each text, in order; memory holds one chunk of documents."""
    for chunk in _chunks(texts):
        for ids in encoder.encode_batch(chunk):
            document = np.empty(len(ids) + 1, dtype=dtype)
            document[0] = bos
            document[1:] = ids
            yield document


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts, some at a time."""
    chunk: list[str] = []
    characters = 0
    for text in texts:
        chunk.append(text)
        characters += len(text)
        if len(chunk) == _CHUNK or characters > _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
