"""Habits: what people call the columns of their tables, and what a column is by its name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "flops": ("c", "flop", "compute", "train_flops", "training_flops", "total_flops", "budget"),
    "params": ("n", "parameters", "num_params", "n_params", "model_size", "size", "model_params"),
    "tokens": ("d", "num_tokens", "n_tokens", "train_tokens", "training_tokens", "data"),
    "loss": ("l", "val_loss", "eval_loss", "validation_loss", "final_loss", "eval/loss", "val/loss", "test_loss"),
}
"""Names that others give the columns of a quantity, folded."""
_TOKENS: Final = {"tokens", "token", "ntokens", "numtokens", "tok", "toks", "ntok", "ntoks"}
"""Words that make a column one of training tokens …"""
_OTHER_TOKENS: Final = {
    *("per", "param", "params", "parameter", "parameters", "batch", "unique", "context", "vocab", "second", "seconds"),
    *("sec", "s", "byte", "bytes", "val", "valid", "validation", "eval", "test", "inference", "loss", "step", "window"),
    *("ratio", "id", "limit", "max", "horizon", "seed", "name", "path", "type", "length", "warmup", "dataset", "gpu"),
}
"""… unless one of these words is there as well."""
_ONLY_TOKENS: Final = {"d", "data", "size"}
"""Words that mean training tokens where a name has no others but those of a unit."""
_UNITS: Final = {"b", "bn", "m", "mn", "k", "t", "billion", "billions", "million", "millions", "thousand", "thousands"}


class Kind(StrEnum):
    """What a column is, by its name."""

    REPEAT = "repeat"
    """Tells runs of one configuration apart: seed, run, time."""
    TUNING = "tuning"
    """A hyper-parameter or a part of a model's shape."""
    EXPERIMENT = "experiment"
    """What makes two sets of runs two experiments: data, optimiser, architecture."""
    OUTCOME = "outcome"
    """What came out of a run besides its loss, or another count of what went in."""
    UNKNOWN = "unknown"
    """None of these by its name."""


_COMPUTE: Final = {"flop", "flops", "compute", "kflops", "mflops", "gflops", "tflops", "pflops", "eflops", "zflops"}
_NEARLY: Final[Mapping[str, frozenset[str]]] = {
    "flops": frozenset(_COMPUTE | {"pf", "pfdays", "exaflops", "petaflops", "teraflops", "gigaflops"}),
    "params": frozenset({"params", "param", "parameters", "nparams"}),
    "loss": frozenset({"loss", "losses"}),
}
"""Words of columns that may hold a quantity in another unit or another count."""


def words(text: str) -> frozenset[str]:
    """The words of a list that is written with blanks between them."""
    return frozenset(text.split())


_ALWAYS_REPEAT: Final = words(
    "seed seeds rng shuffle order replicate replicates repetition replication copy fold uuid timestamp "
    "time date datetime url sha commit"
)
_ALWAYS_OUTCOME: Final = {"norm", "mean", "avg", "average", "rms", "count"}
_WORDS: Final[tuple[tuple[Kind, frozenset[str]], ...]] = (
    (
        Kind.TUNING,
        words(
            "lr lrs learning eta batch batchsize bs bsz gbs mbs warmup decay wd weight beta betas momentum eps "
            "epsilon clip clipping dropout schedule scheduler sched cooldown anneal annealing init std multiplier "
            "mult mup ema accumulation accum layers layer depth width heads head hidden dmodel dff ff mlp aspect "
            "context ctx seqlen sequence precision smoothing stepsize hparam hparams hyperparameter hyperparameters"
        ),
    ),
    (
        Kind.EXPERIMENT,
        words(
            "dataset datasets data corpus corpora mix mixture optimizer optimiser opt optim experiment exp arch "
            "architecture family recipe tokenizer tokeniser domain language lang method algorithm algo task study "
            "paper source variant setup setting vocab"
        ),
    ),
    (
        Kind.REPEAT,
        words(
            "run runs id ids uid name label link path file filename folder directory dir host hostname node "
            "machine cluster worker rank job jobid slurm pid user owner author git hash index idx unnamed row "
            "repeat replica rep reps trial trials attempt attempts retry retries restart restarts rerun reruns "
            "tag tags note notes comment comments description wandb entity project created started finished ended "
            "updated submitted start end state status exit cause error seconds sec secs hours minutes duration "
            "runtime elapsed walltime worktime gpu gpus device devices"
        ),
    ),
    (
        Kind.OUTCOME,
        words(
            "loss losses ppl perplexity bpb bits acc accuracy score metric metrics norm grad gradient throughput "
            "mfu memory mem gb tflops step steps epoch epochs iteration iterations iters tokens token flops flop "
            "params parameters nonembedding embedding val valid validation eval train test gap ratio total spent "
            "cost"
        ),
    ),
)
"""Words of a name by kind; the first kind that has one of a name's words is the column's."""


def folded(name: str) -> str:
    """A name in lower case, with underscores for blanks and dashes: Model Size → model_size."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case, without trailing digits: adamBeta2 → adam, beta."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+", name.strip())
    return [part.lower() for part in parts]


def kind_of(name: str) -> Kind:
    """What a column is by its name."""
    parts = {*words_of(name), "".join(words_of(name))}
    if parts & _ALWAYS_REPEAT:
        return Kind.REPEAT
    if parts & _ALWAYS_OUTCOME:
        return Kind.OUTCOME
    return next((kind for kind, known in _WORDS if parts & known), Kind.UNKNOWN)


def holds_tokens(name: str) -> bool:
    """Whether a column holds training tokens by its name: D, tokens, n_tokens, train/tokens, tokens_seen."""
    parts = set(words_of(name)) - _UNITS
    if parts & {"d", "data"} and parts <= _ONLY_TOKENS:
        return True
    return bool(parts & _TOKENS) and not parts & _OTHER_TOKENS


def nearest(quantity: str, name: str, have: Collection[str]) -> str:
    """The column, of those that a table has, that may hold a quantity which was looked for under a name; or nothing."""
    known = {folded(column): column for column in have}
    close = [alias for alias in (folded(name), *ALIASES[quantity]) if alias in known]
    close = close or get_close_matches(folded(name), known, n=1, cutoff=0.7)
    close = close or [key for key, column in known.items() if _NEARLY.get(quantity, set()) & set(words_of(column))]
    return known[close[0]] if close else ""
