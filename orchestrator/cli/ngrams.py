"""The verb `ngram`: n-gram models of the tokens that a sweep's runs read, and how the runs compare with them."""

from __future__ import annotations

from orchestrator.cli.opening import open_workspace
from orchestrator.cli.options import Output, SweepName
from orchestrator.cli.output import Format, emit_json, emit_rows, say

_COLUMNS = ("variant", "tokens", "order", "loss", "bits_per_byte")


def ngram(sweep: SweepName, output: Output = Format.TABLE) -> None:
    """Compare a sweep's runs with n-gram models of the same tokens.

    Order 1 to 5, interpolated modified Kneser-Ney over the same windows, scored as the runs are. They are measured
    once for a dataset and kept there; `fit`, the report, the page and `plot --chart ngrams` show them from then on. The
    table has the best order for each number of tokens, CSV and JSON have all.
    """
    from analysis.answers.ngrams import ngram_sentence
    from analysis.answers.serial import ngrams_json
    from orchestrator.use_cases.answering import Answering
    from orchestrator.use_cases.ngrams import measure

    workspace = open_workspace()
    answers = Answering(workspace).of(sweep)
    measure(workspace, answers.runs)
    laws = {variant.label: answers.fit(variant, holdout=False) for variant in answers.variants}
    if output is Format.JSON:
        emit_json({"sweep": answers.sweep.name, "variants": {label: ngrams_json(law) for label, law in laws.items()}})
        return
    rows = [
        {"variant": label, "tokens": s.tokens, "order": s.order, "loss": s.loss, "bits_per_byte": s.bits_per_byte}
        for label, law in laws.items()
        if law.ngrams is not None
        for s in (law.ngrams.scores if output is Format.CSV else law.ngrams.best)
    ]
    emit_rows(rows, _COLUMNS if len(laws) > 1 else _COLUMNS[1:], output)
    for label, law in laws.items():
        say(f"{label}: {ngram_sentence(law)}" if label else ngram_sentence(law))
