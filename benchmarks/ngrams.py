"""Time and memory of the n-gram baseline: order 5, for several numbers of training tokens at once, on one core.

    python -m benchmarks.ngrams [--tokens 2e7] [--vocab 1024] [--folder .isoflop/artifacts]

The corpus is the built-in one, prepared in the folder if it is not there. Printed are the losses, the wall and CPU
seconds of numbering, counting and scoring, and the largest memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path

from model.ngrams.losses import ngram_losses
from model.ngrams.windows import windows_of
from orchestrator.use_cases.ngrams import ORDERS, sizes_of
from tokenizer.corpus_spec import CorpusSpec
from tokenizer.dataset import prepare
from tokenizer.progress import silent
from tokenizer.shards import Shards
from tokenizer.vocabulary import TokenizerSpec

CONTEXT = 128
"""Tokens of a context."""
FEWEST = 65_536
"""Training tokens of the smallest model."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each number of tokens, and what all of them took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=float, default=2e7)
    parser.add_argument("--vocab", type=int, default=1024)
    parser.add_argument("--folder", type=Path, default=Path(".isoflop/artifacts"))
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    data = prepare(CorpusSpec(), TokenizerSpec("bpe", asked.vocab), asked.folder)
    before = _peak()
    wall, cpu = time.perf_counter(), time.process_time()
    _print_losses(data, round(asked.tokens) // CONTEXT)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"\n{wall:.1f} s, {cpu:.1f} s of CPU, {_peak():.0f} MB of memory ({before:.0f} MB before)")


def _print_losses(data: Shards, most: int) -> None:
    """The losses of all orders by number of tokens, in nats per token."""
    sizes = sizes_of(FEWEST // CONTEXT, most)
    found = ngram_losses(windows_of(data, CONTEXT, most, 0), sizes, data.manifest.vocab, ORDERS, silent)
    print("| tokens | " + " | ".join(f"{order}-gram" for order in range(1, ORDERS + 1)) + " | bits per byte |")
    print("|---" * (ORDERS + 2) + "|")
    for first in range(0, len(found), ORDERS):
        row = found[first : first + ORDERS]
        losses = " | ".join(f"{score.loss:.3f}" for score in row)
        print(f"| {row[0].tokens:,} | {losses} | {min(score.bits_per_byte for score in row):.3f} |")


def _peak() -> float:
    """The largest memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
