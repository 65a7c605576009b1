"""Tokenizers, all lossless: byte-level BPE, and byte, character and word baselines."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tokenizer.errors import ExpectedError
from tokenizer.stretches import parts

BOS = "<|bos|>"
"""The token before each document. The same characters inside a text are encoded as text."""
BOS_ID = 0
"""Its id in every tokenizer."""
SMALLEST_VOCAB = 257
"""Entries of the smallest vocabulary: the 256 bytes and BOS, with which any text can be encoded."""
LARGEST_VOCAB = 2**20
"""Entries of the largest vocabulary: for more, the trainer reserves memory that no machine may have."""
_AT_ONCE = 64
"""Parts of texts that one native call encodes: it holds up Ctrl-C until it ends."""


class TokenizerError(ExpectedError, ValueError):
    """A tokenizer cannot be trained or loaded; the message says why and what to do."""

    kind = "tokenizer"

    def __init__(self, message: str, key: str = "") -> None:
        """The message, after the key of `tokenizer` at fault if there is one."""
        super().__init__(f"tokenizer.{key} {message}" if key else message)
        self.key = key
        """Key of the sweep file's `tokenizer` whose value is at fault; empty where it is none of them."""
        self.message = message
        """The message without the key."""


class Tokenizer(Protocol):
    """Text to token ids and back; decode(encode(text)) is the text for every text."""

    @property
    def name(self) -> str:
        """Kind and size, such as bpe-1024."""

    @property
    def hash(self) -> str:
        """SHA-256 of the saved file: the tokenizer's identity."""

    @property
    def vocab_size(self) -> int:
        """Number of distinct ids."""

    @property
    def bos_id(self) -> int:
        """Id of BOS, the token before each document."""

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without BOS."""

    def encode_batch(self, texts: Sequence[str]) -> list[npt.NDArray[np.uint32]]:
        """Ids of each text, without BOS."""

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; BOS is left out, bytes that are not UTF-8 become U+FFFD."""

    def to_json(self) -> str:
        """The content of tokenizer.json, from which `tokenizer.loading.load_tokenizer` rebuilds it."""


@dataclass(frozen=True)
class TokenizerSpec:
    """Which tokenizer is trained on the corpus, or which file holds one."""

    kind: str = "bpe"
    """bpe (byte-level, GPT-2's pre-splitting; 1,024 letters in a row end a word) | byte | character | word | file (your
    own, as it is)."""
    vocab: int = 1024
    """Entries of the vocabulary, with the 256 bytes and <|bos|>, so at least 257, at most 2²⁰. The kind byte always has
    257, a file what it holds."""
    path: str = ""
    """For the kind file: a tokenizer.json of Hugging Face or of `isoflop tokenizer train`, or a rank file of tiktoken.
    Its content is the tokenizer's identity, wherever the file lies. It must give every text back unchanged."""
    separator: str = ""
    """For the kind file: the special token before each document. Empty for the first of <|bos|>, <|endoftext|>,
    <|begin_of_text|>, <s>, <bos> and [BOS] that the file has; a rank file, which has none, gets an entry for it."""
    pattern: str = ""
    """For a rank file: how a text is split, gpt2 | cl100k | o200k. Empty for what the number of its entries says: o200k
    above 150,000, cl100k above 75,000, else gpt2."""

    def __post_init__(self) -> None:
        """Check every field. Raises TokenizerError."""
        if self.kind not in KINDS:
            raise TokenizerError(f"is {self.kind!r}: choose one of {', '.join(KINDS)}", "kind")
        if self.kind == FILE and not self.path:
            raise TokenizerError("is missing: the kind file needs the path of a tokenizer.json or rank file", "path")
        for key in ("path", "separator", "pattern"):
            if self.kind != FILE and getattr(self, key):
                raise TokenizerError(f"is set, but tokenizer.kind is {self.kind}: set it to {FILE}", key)
        if self.pattern and self.pattern not in PATTERNS:
            raise TokenizerError(f"is {self.pattern!r}: choose one of {', '.join(PATTERNS)}", "pattern")
        if self.vocab < SMALLEST_VOCAB:
            raise TokenizerError(
                f"is {self.vocab}: the 256 bytes and {BOS} alone need {SMALLEST_VOCAB}; raise it", "vocab"
            )
        if self.vocab > LARGEST_VOCAB:
            raise TokenizerError(f"is {self.vocab}: at most {LARGEST_VOCAB} entries; lower it", "vocab")

    @property
    def entries(self) -> int:
        """Entries of the trained vocabulary."""
        return SMALLEST_VOCAB if self.kind == "byte" else self.vocab


class BpeTokenizer:
    """Byte-level BPE of Hugging Face `tokenizers` with the GPT-2 pre-tokenizer (Radford et al. 2019, section 2.2)."""

    def __init__(self, definition: str) -> None:
        """Build from the content of a tokenizer.json. Raises TokenizerError where BOS does not come first."""
        from tokenizers import Tokenizer as HuggingFaceTokenizer

        self.definition = definition
        """The content of tokenizer.json."""
        self._inner = HuggingFaceTokenizer.from_str(definition)
        self._inner.encode_special_tokens = True
        bos = self._inner.token_to_id(BOS)
        if bos != BOS_ID:
            raise TokenizerError(f"the tokenizer gives {BOS} the id {bos}, not {BOS_ID}: train it with isoflop")

    @property
    def name(self) -> str:
        """Kind and size, such as bpe-1024."""
        return f"bpe-{self.vocab_size}"

    @property
    def hash(self) -> str:
        """SHA-256 of the content of tokenizer.json."""
        return sha256_of(self.definition)

    @property
    def vocab_size(self) -> int:
        """Number of distinct ids."""
        return int(self._inner.get_vocab_size())

    @property
    def bos_id(self) -> int:
        """Id of BOS."""
        return BOS_ID

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without BOS."""
        return [i for ids in self._encoded(list(parts(text))) for i in ids]

    def encode_batch(self, texts: Sequence[str]) -> list[npt.NDArray[np.uint32]]:
        """Ids of each text, without BOS."""
        cut = [list(parts(text)) for text in texts]
        ids = iter(self._encoded([part for one in cut for part in one]))
        return [np.asarray([i for _ in one for i in next(ids)], dtype=np.uint32) for one in cut]

    def _encoded(self, cut: Sequence[str]) -> Iterator[list[int]]:
        """Ids of each part of texts; a native call takes only so many."""
        for first in range(0, len(cut), _AT_ONCE):
            few = list(cut[first : first + _AT_ONCE])
            for encoding in self._inner.encode_batch_fast(few, add_special_tokens=False):
                yield encoding.ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; BOS is left out, bytes that are not UTF-8 become U+FFFD."""
        return str(self._inner.decode(list(ids), skip_special_tokens=True))

    def to_json(self) -> str:
        """The content of tokenizer.json."""
        return self.definition


class PieceTokenizer:
    """A baseline: a text is split into pieces; a piece without an id of its own is encoded as its UTF-8 bytes."""

    def __init__(self, kind: str, pieces: Sequence[str]) -> None:
        """`kind` is a key of SPLITTERS; the id of pieces[i] is 257 + i, that of byte b is 1 + b."""
        self._kind = kind
        self._pieces = tuple(pieces)
        self._ids = {piece: SMALLEST_VOCAB + i for i, piece in enumerate(self._pieces)}

    @property
    def name(self) -> str:
        """Kind and size, such as word-1024."""
        return f"{self._kind}-{self.vocab_size}"

    @property
    def hash(self) -> str:
        """SHA-256 of the content of tokenizer.json."""
        return sha256_of(self.to_json())

    @property
    def vocab_size(self) -> int:
        """Number of distinct ids."""
        return SMALLEST_VOCAB + len(self._pieces)

    @property
    def bos_id(self) -> int:
        """Id of BOS."""
        return BOS_ID

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without BOS."""
        ids: list[int] = []
        for piece in SPLITTERS[self._kind](text):
            known = self._ids.get(piece)
            if known is None:
                ids.extend(1 + byte for byte in piece.encode())
            else:
                ids.append(known)
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[npt.NDArray[np.uint32]]:
        """Ids of each text, without BOS."""
        return [np.asarray(self.encode(text), dtype=np.uint32) for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; BOS is left out, bytes that are not UTF-8 become U+FFFD."""
        return b"".join(self._bytes_of(token) for token in ids).decode(errors="replace")

    def _bytes_of(self, token: int) -> bytes:
        """UTF-8 bytes of one id; none for BOS."""
        if token == BOS_ID:
            return b""
        return bytes((token - 1,)) if token < SMALLEST_VOCAB else self._pieces[token - SMALLEST_VOCAB].encode()

    def to_json(self) -> str:
        """The content of tokenizer.json."""
        return json.dumps({"kind": self._kind, "pieces": self._pieces}, ensure_ascii=False)


def _words(text: str) -> Iterator[str]:
    """Words and runs of punctuation, each with a space before it, and other whitespace."""
    return (match[0] for match in re.finditer(r" ?\w+| ?[^\w\s]+|\s+", text))


SPLITTERS: dict[str, Callable[[str], Iterable[str]]] = {
    "byte": lambda text: (text,),
    "character": lambda text: (char for char in text),
    "word": _words,
}
"""How each baseline splits a text, one piece at a time, so that Ctrl-C is heard; the pieces in a row are the text."""
FILE = "file"
"""The kind of a tokenizer that the user brings."""
KINDS = ("bpe", *SPLITTERS, FILE)
"""Kinds of tokenizer."""
PATTERNS = ("gpt2", "cl100k", "o200k")
"""Names of the ways in which tiktoken's encodings split a text."""


def sha256_of(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
