"""The verbs `tokenizer train`, `encode`, `decode` and `compare`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.wording import format_count, format_flops, plural
from orchestrator.cli import options
from orchestrator.cli.destination import check_destination, write_text
from orchestrator.cli.options import Output
from orchestrator.cli.output import Format, emit_json, emit_rows, print_text, say

if TYPE_CHECKING:
    from model.config import ModelConfig
    from orchestrator.use_cases.tokenizers import Compared
    from tokenizer.corpus import CorpusSpec
    from tokenizer.vocabulary import Tokenizer

MOST = 1_000_000
"""Largest dimension of a model."""
SIZES = (512, 1024, 2048, 4096, 8192)
"""Entries of the BPE tokenizers that are compared."""

File = Annotated[str, typer.Argument(metavar="TOKENIZER", help="A tokenizer.json or a rank file of tiktoken.")]
Text = Annotated[str, typer.Argument(metavar="FILE", help="File to read; - for stdin.")]
Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH", help="Files, folders or globs of the corpus. Default: the built-in corpus."),
]
Source = Annotated[
    str, typer.Option("--source", help="text | jsonl | parquet | python. Default: by the ending of the first path.")
]
TextKey = Annotated[str, typer.Option("--text-key", help="Key or column of the text in JSON lines and Parquet.")]
MaxBytes = Annotated[int, typer.Option("--max-bytes", min=1, help="Most UTF-8 bytes of the corpus.")]


def corpus_of(
    paths: Paths = None, source: Source = "", text_key: TextKey = "text", max_bytes: MaxBytes = 10_000_000
) -> CorpusSpec:
    """The corpus that the options name. Raises CorpusError."""
    from orchestrator.use_cases.tokenizers import corpus_of as corpus

    return corpus(paths or (), source, text_key, max_bytes)


@options.expand(corpus=corpus_of)
def train(
    corpus: CorpusSpec,
    out: Annotated[str, typer.Option("--out", help="File to write, which `kind: file` reads; - for stdout.")],
    kind: Annotated[str, typer.Option("--kind", help="bpe | byte | character | word.")] = "bpe",
    vocab: Annotated[int, typer.Option("--vocab", help="Entries, with the 256 bytes and <|bos|>.")] = 1024,
    output: Output = Format.TABLE,
) -> None:
    """Train a tokenizer and write its file.

    It is the one that a sweep on this corpus trains; the order of files has no part in it.
    """
    from orchestrator.use_cases import tokenizers
    from tokenizer.vocabulary import TokenizerSpec

    if out != "-":
        check_destination("--out", Path(out))
    elif output is not Format.TABLE:
        raise typer.BadParameter("- is stdout, where the tokenizer goes: name a file, or leave -o out")
    made = tokenizers.train(corpus, TokenizerSpec(kind, vocab), say)
    if out == "-":
        print_text(made.to_json())
        return
    write_text(Path(out), made.to_json())
    facts = {"tokenizer": made.name, "entries": made.vocab_size, "hash": made.hash, "file": out}
    emit_json(facts) if output is Format.JSON else emit_rows([facts], list(facts), output)


def encode(tokenizer: File, file: Text = "-", output: Output = Format.TABLE) -> None:
    """Print the token ids of a text.

    They are those of the text alone, without the separator before documents; special tokens in it are text.
    """
    made = _loaded(tokenizer)
    text = _read(file)
    ids = made.encode(text)
    size = len(text.encode())
    if output is Format.JSON:
        emit_json({"tokenizer": made.name, "bytes": size, "tokens": len(ids), "ids": ids})
    elif output is Format.CSV:
        emit_rows([{"id": token, "text": made.decode([token])} for token in ids], ["id", "text"], output)
    else:
        print_text(f"{' '.join(map(str, ids))}\n")
        say(f"{made.name}: {plural(size, 'byte')}, {plural(len(ids), 'token')}")


def decode(tokenizer: File, file: Text = "-", output: Output = Format.TABLE) -> None:
    """Print the text of token ids.

    They are whole numbers between blanks, commas or brackets, or what `encode -o json` printed.
    """
    made = _loaded(tokenizer)
    text = made.decode(_ids(_read(file), made))
    if output is Format.JSON:
        emit_json({"tokenizer": made.name, "text": text})
    elif output is Format.CSV:
        emit_rows([{"text": text}], ["text"], output)
    else:
        print_text(text)


@options.expand(corpus=corpus_of)
def compare(
    corpus: CorpusSpec,
    vocab: Annotated[
        list[int] | None,
        typer.Option("--vocab", min=1, help="Entries of a BPE; repeatable. Default: 512 … 8192."),
    ] = None,
    tokenizer: Annotated[list[str] | None, typer.Option("--tokenizer", help="A file of yours; repeatable.")] = None,
    width: Annotated[int, typer.Option("--width", min=1, max=MOST, help="Width of the model, d_model.")] = 64,
    layers: Annotated[int, typer.Option("--layers", min=1, max=MOST, help="Blocks.")] = 4,
    ff: Annotated[
        int | None, typer.Option("--ff", min=1, max=MOST, help="Width of the MLP. Default: 8/3 of --width.")
    ] = None,
    context: Annotated[int, typer.Option("--context", min=2, max=MOST, help="Tokens of a sequence.")] = 128,
    out: options.Chart = None,
    output: Output = Format.TABLE,
) -> None:
    """Compare tokenizers: length, speed, FLOPs per byte.

    Byte, character and word tokenizers, BPE of several sizes and yours encode one corpus; bytes per token and words
    are those of its held-out documents. The FLOPs are a training step's, at one shape with each one's vocabulary.
    """
    from model.config import ModelConfig
    from orchestrator.use_cases import tokenizers
    from tokenizer.vocabulary import SMALLEST_VOCAB

    if out is not None:
        check_destination("--out", out, makes_folders=True)
    shape = ModelConfig(SMALLEST_VOCAB, context, width, layers, 1, ff or max(1, round(width * 8 / 3)))
    found = tokenizers.compare(corpus, vocab or SIZES, tokenizer or (), shape, say)
    setting = f"{plural(layers, 'layer')} of width {width:,}, MLP {shape.d_ff:,}, context {context:,} tokens"
    if output is Format.TABLE:
        rows = [_shown(one) for one in found]
        emit_rows(rows, list(rows[0]), output, f"Tokenizers on one corpus. FLOPs: {setting}.")
    elif output is Format.CSV:
        emit_rows([one.to_dict() for one in found], list(found[0].to_dict()), output)
    else:
        emit_json({"shape": _shape(shape), "tokenizers": [one.to_dict() for one in found]})
    if out is not None:
        _draw(found, setting, out)


def _shape(shape: ModelConfig) -> dict[str, int]:
    """What the FLOPs were counted for, as JSON has it."""
    return {key: getattr(shape, key) for key in ("d_model", "n_layers", "d_ff", "context")}


def _shown(one: Compared) -> dict[str, Any]:
    """A tokenizer as a row of the table."""
    m, flops = one.measured, one.flops_per_byte
    attention = flops["attention_scores"] + flops["attention_projections"]
    return {
        "tokenizer": m.name,
        "bytes/token": f"{m.bytes_per_token:.2f}",
        "tokens": format_count(m.tokens),
        "used": f"{m.entries_used / m.entries:.1%}",
        "byte tokens": f"{m.byte_tokens:.1%}",
        "whole words": f"{m.whole_words:.1%}",
        "tokens/other word": f"{m.tokens_per_other_word:.2f}",
        "MB/s": f"{m.encode_mb_per_second:.1f}",
        "FLOPs/byte": format_flops(sum(flops.values())),
        "attention": format_flops(attention),
        "MLP": format_flops(flops["mlp"]),
        "head": format_flops(flops["head"]),
    }


def _draw(found: Sequence[Compared], setting: str, out: Path) -> None:
    """The comparison as a chart."""
    from analysis.figures import save
    from analysis.figures.tokenizers import TokenizerBar, tokenizer_costs

    bars = [
        TokenizerBar(one.measured.name, one.measured.bytes_per_token, one.measured.entries, one.flops_per_byte)
        for one in found
    ]
    save(tokenizer_costs(bars, setting), out)
    say(f"written: {out}")


def _loaded(path: str) -> Tokenizer:
    """The tokenizer of a file. Raises TokenizerError."""
    from orchestrator.use_cases import tokenizers

    return tokenizers.load(path)


def _read(file: str) -> str:
    """The text of a file or of standard input, to the last byte. Raises BadParameter, OSError."""
    if file != "-" and Path(file).exists() and not (Path(file).is_file() or Path(file).is_fifo()):
        raise typer.BadParameter(f"{file} is neither a file nor a pipe: name one, or - for stdin", param_hint="FILE")
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode()
    except UnicodeDecodeError as error:
        where = "standard input" if file == "-" else file
        raise typer.BadParameter(
            f"{where} is not UTF-8 (byte {error.start:,}): only text can be tokenised", param_hint="FILE"
        ) from error


def _ids(text: str, tokenizer: Tokenizer) -> list[int]:
    """The token ids that a text names. Raises BadParameter."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = re.findall(r"[^\s,\[\]]+", text)
    found = data.get("ids") if isinstance(data, dict) else data
    try:
        ids = [int(str(each)) for each in (found if isinstance(found, list) else [found])]
    except ValueError:
        raise typer.BadParameter("the input is no list of token ids, such as 12 7 300", param_hint="FILE") from None
    wrong = next((each for each in ids if not 0 <= each < tokenizer.vocab_size), None)
    if wrong is not None:
        raise typer.BadParameter(
            f"there is no token {wrong}: {tokenizer.name} has the ids 0 to {tokenizer.vocab_size - 1}",
            param_hint="FILE",
        )
    return ids
