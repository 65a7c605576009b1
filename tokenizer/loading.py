"""Loads tokenizers: that of a dataset, and a file of the user's, which is checked before it encodes anything."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizer.files import OUTSIDE, Reach
from tokenizer.given import GivenTokenizer, HuggingFaceTokenizer, RankTokenizer, rebuild
from tokenizer.probes import probes
from tokenizer.vocabulary import (
    BOS,
    BOS_ID,
    FILE,
    LARGEST_VOCAB,
    SPLITTERS,
    BpeTokenizer,
    PieceTokenizer,
    Tokenizer,
    TokenizerError,
    TokenizerSpec,
)

MOST_BYTES = 200_000_000
"""Largest tokenizer file."""
_OWN_SPLIT = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
"""The pre-tokenizer of the tokenizers that isoflop trains."""
_SHOWN = 40
"""Characters of a text that a message quotes."""


def load_tokenizer(path: Path) -> Tokenizer:
    """Rebuild a dataset's tokenizer from its tokenizer.json. Raises TokenizerError for a missing or damaged file."""
    try:
        definition = path.read_text(encoding="utf-8")
        data = json.loads(definition)
    except FileNotFoundError as error:
        raise TokenizerError(f"{path} does not exist: prepare the corpus again") from error
    except (OSError, ValueError, RecursionError) as error:
        raise TokenizerError(f"{path} is not a tokenizer: {error}; prepare the corpus again") from error
    if isinstance(data, dict) and data.get("kind") in SPLITTERS:
        return _pieces(path, data)
    try:
        if isinstance(data, dict) and data.get("kind") == FILE:
            return rebuild(definition)
        model = data.get("model") if isinstance(data, dict) else None
        if not isinstance(model, dict) or model.get("type") != "BPE":
            raise TokenizerError(
                f"{path} is not a tokenizer of isoflop: it is neither bpe, byte, character, word nor {FILE}"
            )
        return BpeTokenizer(definition)
    except TokenizerError:
        raise
    except Exception as error:
        raise TokenizerError(f"{path} is not a tokenizer: {error}; prepare the corpus again") from error


def _pieces(path: Path, data: dict[str, object]) -> PieceTokenizer:
    """A baseline from the JSON of its file. Raises TokenizerError."""
    pieces = data.get("pieces")
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        raise TokenizerError(f"{path} is not a tokenizer: its pieces are not all text; prepare the corpus again")
    return PieceTokenizer(str(data["kind"]), pieces)


def load_given(spec: TokenizerSpec, within: Reach | None = None) -> Tokenizer:
    """The tokenizer of a user's file, checked: its special tokens, its document separator, and that it loses nothing.

    A file that isoflop wrote gives the same tokenizer as training did, with the same identity.

    Args:
        spec: a spec of the kind file.
        within: where the file may lie; None for everywhere.

    Raises:
        TokenizerError: with the file, what is wrong with it and what to do.
    """
    try:
        content = _content(spec.path, within)
        tokenizer = _own(spec, content) or _given(spec, content)
        _check(tokenizer)
    except TokenizerError as error:
        if error.key != "path" or error.message.startswith(spec.path):
            raise
        raise TokenizerError(f"{spec.path} {error.message}", "path") from error
    return tokenizer


def entries_of(spec: TokenizerSpec) -> int:
    """Entries of a spec's vocabulary; those of a file are read from it. Raises TokenizerError."""
    return load_given(spec).vocab_size if spec.kind == FILE else spec.entries


def _content(given: str, within: Reach | None) -> str:
    """The text of a tokenizer's file. Raises TokenizerError."""
    try:
        path = Path(given).expanduser()
        if within is not None and (given.startswith("~") or ".." in Path(given).parts or not within.holds(path)):
            raise TokenizerError(OUTSIDE.replace("corpus.paths", "tokenizer.path"))
        if not path.is_file():
            looked = f" (looked in {Path.cwd()})" if within is None and not path.is_absolute() else ""
            raise TokenizerError(f"is not a file{looked}: name a tokenizer.json or a rank file", "path")
        if path.stat().st_size > MOST_BYTES:
            raise TokenizerError(f"has more than {MOST_BYTES // 10**6} MB: no tokenizer is as large", "path")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TokenizerError(
            "is not text: a SentencePiece model must be converted to a tokenizer.json first", "path"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, TokenizerError):
            raise
        raise TokenizerError(f"cannot be read: {getattr(error, 'strerror', None) or error}", "path") from error


def _own(spec: TokenizerSpec, content: str) -> Tokenizer | None:
    """The tokenizer of a file that isoflop wrote; None for any other file. Raises TokenizerError."""
    data = _parsed(content)
    if data is None:
        return None
    if data.get("kind") in SPLITTERS:
        tokenizer: Tokenizer = _pieces(Path(spec.path), data)
    elif data.get("kind") == FILE:
        return rebuild(content)
    elif _is_own_bpe(data):
        tokenizer = BpeTokenizer(content)
    else:
        return None
    if spec.separator not in ("", BOS):
        raise TokenizerError(f"is {spec.separator!r}, but the file's separator is {BOS}: leave it out", "separator")
    return tokenizer


def _parsed(content: str) -> dict[str, object] | None:
    """The JSON object of a file; None where it is none, so that it may be a rank file. Raises TokenizerError."""
    if not content.lstrip().startswith("{"):
        return None
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"is not JSON: {error}; write it again with the program that made it", "path") from error
    assert isinstance(data, dict)
    return data


def _is_own_bpe(data: dict[str, object]) -> bool:
    """Whether a tokenizer.json is as `isoflop tokenizer train` writes it: GPT-2's splitting and BOS alone, as id 0."""
    model, added = data.get("model"), data.get("added_tokens")
    return (
        isinstance(model, dict)
        and model.get("type") == "BPE"
        and not model.get("dropout")
        and data.get("pre_tokenizer") == _OWN_SPLIT
        and data.get("normalizer") is None
        and isinstance(added, list)
        and [(token.get("content"), token.get("id")) for token in added] == [(BOS, BOS_ID)]
    )


def _given(spec: TokenizerSpec, content: str) -> GivenTokenizer:
    """A tokenizer that isoflop did not write. Raises TokenizerError."""
    try:
        if _parsed(content) is None:
            return RankTokenizer(content, spec.separator, spec.pattern)
        if spec.pattern:
            raise TokenizerError("is set, but the file is a tokenizer.json, which has its own: leave it out", "pattern")
        return HuggingFaceTokenizer(content, spec.separator)
    except TokenizerError:
        raise
    except Exception as error:
        raise TokenizerError(f"is not a tokenizer.json of Hugging Face: {error}", "path") from error


def _check(tokenizer: Tokenizer) -> None:
    """Raise TokenizerError where a tokenizer is too large, or does not give every text back."""
    if tokenizer.vocab_size > LARGEST_VOCAB:
        raise TokenizerError(f"has {tokenizer.vocab_size:,} entries, at most {LARGEST_VOCAB:,} can be trained", "path")
    specials = tokenizer.specials if isinstance(tokenizer, GivenTokenizer) else (BOS,)
    for text in (*probes(), *(f"a {token} b{token}" for token in specials[:16])):
        try:
            ids = tokenizer.encode(text)
            again = tokenizer.decode(ids)
        except Exception as error:
            raise TokenizerError(f"cannot encode {text[:_SHOWN]!r}: {error}; {_LOSSLESS}", "path") from error
        if again != text:
            at = next((i for i, (a, b) in enumerate(zip(text, again, strict=False)) if a != b), len(again))
            before, after = (one[max(0, at - 8) : at + 8] for one in (text, again))
            raise TokenizerError(f"is not lossless: {before!r} comes back as {after!r}; {_LOSSLESS}", "path")
        if tokenizer.bos_id in ids:
            raise TokenizerError(f"gives the text {text[:_SHOWN]!r} its document separator: {_LOSSLESS}", "path")


_LOSSLESS = (
    "a loss in bits per byte needs every text as it was: take a byte-level tokenizer, without a normalizer and without "
    "stripped or added blanks"
)
"""What to do about a tokenizer that loses text."""
