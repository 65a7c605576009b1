"""Tokenizers that a user brings: a tokenizer.json of Hugging Face, or a rank file of tiktoken with its pattern."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tokenizer.vocabulary import BOS, FILE, LARGEST_VOCAB, TokenizerError, sha256_of

SEPARATORS = (BOS, "<|endoftext|>", "<|begin_of_text|>", "<s>", "<bos>", "[BOS]")
"""Special tokens that may stand before a document, the one to prefer first."""
SPLITS = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
    r"|\s*[\r\n]|\s+(?!\S)|\s",
    "o200k": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
"""Regular expressions of tiktoken's encodings (tiktoken_ext/openai_public.py), by the names of PATTERNS."""
_AT_ONCE = 64
"""Texts that one native call encodes: it holds up Ctrl-C until it ends."""


class HuggingFaceTokenizer:
    """Whatever a tokenizer.json describes; special tokens inside a text are encoded as text."""

    def __init__(self, definition: str, separator: str = "") -> None:
        """Build from the content of a tokenizer.json. Raises TokenizerError, or what the library raises."""
        from tokenizers import Tokenizer as Inner

        data = json.loads(definition)
        if (data.get("model") or {}).get("dropout"):
            raise TokenizerError("drops merges by chance (model.dropout): set it to null in the file", "path")
        self.definition = definition
        """The content of the file."""
        self.is_byte_level = "ByteLevel" in json.dumps(data.get("decoder") or {})
        """Whether its pieces are of bytes in GPT-2's printable alphabet."""
        self._inner = Inner.from_str(definition)
        self._inner.encode_special_tokens = True
        self._inner.no_truncation()
        self._inner.no_padding()
        self._entries = self._inner.get_vocab(with_added_tokens=True)
        self.specials = tuple(t["content"] for t in data.get("added_tokens") or () if t.get("special"))
        """Its special tokens."""
        self.separator = _separator(self.specials, separator)
        """The special token before each document."""

    @property
    def name(self) -> str:
        """Kind, beginning of the identity, and size, such as file-1f2e3d4c-50257."""
        return f"{FILE}-{self.hash[:8]}-{self.vocab_size}"

    @property
    def hash(self) -> str:
        """SHA-256 of what is saved."""
        return sha256_of(self.to_json())

    @property
    def vocab_size(self) -> int:
        """One more than the largest id: gaps between ids count, as they do in a model's head."""
        return max(self._entries.values()) + 1

    @property
    def bos_id(self) -> int:
        """Id of the separator."""
        return int(self._entries[self.separator])

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without the separator."""
        return [int(token) for token in self.encode_batch([text])[0]]

    def encode_batch(self, texts: Sequence[str]) -> list[npt.NDArray[np.uint32]]:
        """Ids of each text, without the separator."""
        found: list[npt.NDArray[np.uint32]] = []
        for first in range(0, len(texts), _AT_ONCE):
            few = list(texts[first : first + _AT_ONCE])
            encoded = self._inner.encode_batch_fast(few, add_special_tokens=False)
            found += [np.asarray(one.ids, dtype=np.uint32) for one in encoded]
        return found

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; special tokens are left out."""
        return str(self._inner.decode(list(ids), skip_special_tokens=True))

    def to_json(self) -> str:
        """What is saved: the file's own content, and the separator."""
        return _saved("huggingface", self.definition, self.separator)


class RankTokenizer:
    """The ranks of a tiktoken file, one of its patterns, and one entry more for the separator."""

    def __init__(self, definition: str, separator: str = "", pattern: str = "") -> None:
        """Build from the content of a rank file: lines of a token in base64 and its rank. Raises TokenizerError."""
        import tiktoken

        ranks = _ranks(definition)
        self._definition = definition
        self._pattern = pattern or ("o200k" if len(ranks) > 150_000 else "cl100k" if len(ranks) > 75_000 else "gpt2")
        self._bos = max(ranks.values()) + 1
        self.separator = separator or "<|endoftext|>"
        """The special token before each document."""
        self.specials = (self.separator,)
        """Its special tokens."""
        self._inner = tiktoken.Encoding(
            "ranks", pat_str=SPLITS[self._pattern], mergeable_ranks=ranks, special_tokens={self.separator: self._bos}
        )

    @property
    def name(self) -> str:
        """Kind, beginning of the identity, and size, such as file-1f2e3d4c-100257."""
        return f"{FILE}-{self.hash[:8]}-{self.vocab_size}"

    @property
    def hash(self) -> str:
        """SHA-256 of what is saved."""
        return sha256_of(self.to_json())

    @property
    def vocab_size(self) -> int:
        """One more than the largest id, which is the separator's."""
        return self._bos + 1

    @property
    def bos_id(self) -> int:
        """Id of the separator."""
        return self._bos

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without the separator."""
        return list(self._inner.encode_ordinary(text))

    def encode_batch(self, texts: Sequence[str]) -> list[npt.NDArray[np.uint32]]:
        """Ids of each text, without the separator."""
        return [np.array(self._inner.encode_ordinary(text), dtype=np.uint32) for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; the separator is left out, bytes that are not UTF-8 become U+FFFD."""
        return self._inner.decode([token for token in ids if token != self._bos], errors="replace")

    def to_json(self) -> str:
        """What is saved: the file's own content, the separator and the pattern."""
        return _saved("tiktoken", self._definition, self.separator, self._pattern)


GivenTokenizer = HuggingFaceTokenizer | RankTokenizer
"""A tokenizer that a user brought."""


def rebuild(saved: str) -> GivenTokenizer:
    """The tokenizer that `to_json` saved. Raises TokenizerError, KeyError, or what a library raises."""
    data = json.loads(saved)
    if data["format"] == "tiktoken":
        return RankTokenizer(data["definition"], data["separator"], data["pattern"])
    return HuggingFaceTokenizer(data["definition"], data["separator"])


def _saved(form: str, definition: str, separator: str, pattern: str = "") -> str:
    """The content of a dataset's tokenizer.json for a tokenizer that a user brought."""
    content = {"kind": FILE, "format": form, "separator": separator, "pattern": pattern, "definition": definition}
    return json.dumps(content, ensure_ascii=False)


def _separator(specials: Sequence[str], asked: str) -> str:
    """The special token to put before documents. Raises TokenizerError."""
    found = next((token for token in ((asked,) if asked else SEPARATORS) if token in specials), None)
    if found is not None:
        return found
    listing = f"its special tokens are {', '.join(specials[:12])}" if specials else "it has no special token"
    if asked:
        raise TokenizerError(f"{asked!r} is no special token of the file: {listing}", "separator")
    raise TokenizerError(
        f"has none of {', '.join(SEPARATORS)} to put before a document; {listing}: name one in tokenizer.separator, or "
        "add one to the file",
        "path",
    )


def _ranks(definition: str) -> dict[bytes, int]:
    """Rank of each token. Raises TokenizerError where the text is not a rank file with every byte in it."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(definition.splitlines(), start=1):
        if not line:
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error):
            raise TokenizerError(
                f"is neither a tokenizer.json nor a rank file: line {number} is not a token in base64 and its rank",
                "path",
            ) from None
    missing = [byte for byte in range(256) if bytes((byte,)) not in ranks]
    if missing:
        raise TokenizerError(
            f"lacks a rank for {len(missing)} of the 256 bytes, such as 0x{missing[0]:02x}, so that not every text can "
            "be encoded: take a complete rank file",
            "path",
        )
    if len(set(ranks.values())) < len(ranks) or min(ranks.values()) < 0 or max(ranks.values()) >= LARGEST_VOCAB:
        raise TokenizerError(f"must give each token a rank of its own, from 0 to {LARGEST_VOCAB - 1:,}", "path")
    return ranks
