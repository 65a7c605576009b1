"""The verb `corpus`: what is in a corpus, and the budgets that it is enough for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.wording import format_count, format_flops, plural
from orchestrator.cli.opening import open_workspace
from orchestrator.cli.options import Output
from orchestrator.cli.output import Format, emit_json, emit_rows, say
from orchestrator.cli.planning import sweep_path
from orchestrator.cli.tokenizers import MaxBytes, Source, TextKey

if TYPE_CHECKING:
    from orchestrator.use_cases.corpora import Described


def corpus(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SWEEP.yaml [key=value …] | PATH …",
            help="A sweep file with keys to replace, or files, folders, globs or URLs. Default: the built-in corpus.",
        ),
    ] = None,
    source: Source = "",
    text_key: TextKey = "text",
    max_bytes: MaxBytes = 1_000_000_000_000,
    output: Output = Format.TABLE,
) -> None:
    """Show what is in a corpus.

    Cleans and encodes it as a sweep does: documents, bytes and tokens, what was left out and why with samples, the
    scripts of its letters, and the largest budgets for which one pass and four are enough under the recipe. Files
    without a sweep are taken with the tokenizer and the recipe of the demo.
    """
    found = _described(what or [], source, text_key, max_bytes)
    if output is Format.JSON:
        emit_json(found.to_dict())
    elif output is Format.CSV:
        emit_rows(_rows(found), ["what", "value"], output)
    else:
        emit_rows(_rows(found), ["what", "value"], output, f"Corpus {found.manifest.dataset}")
        for rule, samples in found.manifest.cleaning.get("samples", {}).items():
            say(f"thrown away by {rule}: {' | '.join(map(_one_line, samples))}")
        for sample in found.samples:
            say(f"kept: {_one_line(sample)}")


def _described(what: list[str], source: str, text_key: str, max_bytes: int) -> Described:
    """What is in the corpus of a sweep or of some files. Raises SweepError, CorpusError."""
    from orchestrator.use_cases import corpora, tokenizers

    if what and (sweep_path(what[0]).suffix in (".yaml", ".yml")):
        return corpora.describe_sweep(sweep_path(what[0]), what[1:], open_workspace(), say)
    spec = corpora.sweep_of(tokenizers.corpus_of(what, source, text_key, max_bytes))
    return corpora.describe(spec, open_workspace(), say)


def _rows(found: Described) -> list[dict[str, Any]]:
    """What is shown, line by line."""
    facts = found.to_dict()
    cleaning = facts["cleaning"]
    rows = [
        ("documents", f"{facts['documents']:,}"),
        ("bytes", f"{facts['bytes']:,}"),
        ("tokens", f"{facts['tokens']:,} ({facts['validation_tokens']:,} for validation)"),
        ("bytes per token", f"{facts['bytes_per_token']:.2f}"),
    ]
    rows += _parts(facts, found.manifest.unique_tokens)
    named = {
        "documents_read": "documents read",
        "duplicates": "exact duplicates left out",
        "near_duplicates": "near duplicates left out",
        "leaks": "of both, copies of validation documents",
        "left_out": "beyond corpus.max_bytes",
    }
    rows += [(label, f"{cleaning[key]:,}") for key, label in named.items() if key in cleaning]
    rows += [(f"invalid: {reason}", f"{count:,}") for reason, count in cleaning.get("invalid", {}).items()]
    rows += [(f"rule {rule}", f"{count:,} documents") for rule, count in cleaning.get("rules", {}).items()]
    rows += [(f"rule {rule}", f"{count:,} lines") for rule, count in cleaning.get("lines", {}).items()]
    rows += [(f"letters: {script}", f"{share:.1%}") for script, share in facts["scripts"].items() if share >= 0.001]
    for one in found.budgets:
        passes = "one pass" if one.passes == 1 else f"{one.passes} passes"
        value = f"{format_flops(one.flops)} FLOPs: N {format_count(one.params)}, D {format_count(one.tokens)}"
        rows.append((f"enough in {passes} for", f"{value} (recipe {found.recipe})"))
    return [{"what": what, "value": value} for what, value in rows]


def _parts(facts: dict[str, Any], pass_tokens: int) -> Iterator[tuple[str, str]]:
    """The domains of a mix with their shares and the passes of each, and the validation sets."""
    for name, one in facts["domains"].items():
        shares = f"{one['weight']:.1%} by weight, {one['share_by_size']:.1%} by size"
        again = format_count(one["tokens"] / one["weight"])
        yield f"domain {name}", f"{_size(one)}; {shares}; begins again after {again} tokens of a run"
    if facts["domains"]:
        yield "tokens of one pass", f"{pass_tokens:,}, until a domain begins again"
    for name, one in facts["sets"].items():
        yield f"validation set {name}", _size(one)


def _size(part: dict[str, Any]) -> str:
    """Documents, bytes and tokens of a part."""
    return f"{plural(part['documents'], 'document')}, {part['bytes']:,} bytes, {part['tokens']:,} tokens"


def _one_line(text: str) -> str:
    """A sample in one line."""
    return " ".join(text.split())[:120]
