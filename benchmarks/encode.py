"""MB/s of text encoded by the default encoder, tiktoken and tokenizers, on the same documents in one process.

    python -m benchmarks.encode [--vocab 1024] [--megabytes 20] [--rounds 3]

The corpus is the built-in one. Each library encodes all documents in turn, as often as --rounds says; the fastest round
counts. Ids are compared with those of tokenizers, the canonical one. The default encoder is what a preparation uses:
tuetoken where it is installed, tiktoken elsewhere, each on one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from tokenizer.corpus import CorpusSpec, read_documents
from tokenizer.encode import EncodeBatch, TiktokenEncoder, TuetokenEncoder, choose_encoder
from tokenizer.training import train_tokenizer
from tokenizer.vocabulary import BpeTokenizer, TokenizerSpec


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each library: MB/s, MB per second of CPU time, ratio to tokenizers, and documents that differ."""
    asked = _asked(arguments)
    corpus = read_documents(CorpusSpec(max_bytes=round(asked.megabytes * 1e6)))
    texts = [document.text for document in corpus.documents]
    tokenizer = train_tokenizer(TokenizerSpec("bpe", asked.vocab), texts)
    assert isinstance(tokenizer, BpeTokenizer)
    wanted = tokenizer.encode_batch(texts)
    ways: dict[str, EncodeBatch] = {
        "tokenizers": tokenizer.encode_batch,
        "tiktoken": TiktokenEncoder(tokenizer).encode_batch,
    }
    if find_spec("tuetoken"):
        ways["tuetoken"] = TuetokenEncoder(tokenizer.definition, cut=True).encode_batch
    default = choose_encoder(tokenizer, texts).name
    print(f"{corpus.bytes / 1e6:.1f} MB, {len(texts):,} documents, {tokenizer.name}; default: {default}")
    print("| library | MB/s | MB per CPU second | × tokenizers | documents that differ |\n|---|---|---|---|---|")
    base = 0.0
    for name, encode in ways.items():
        wall, cpu, differing = _best(encode, texts, wanted, asked.rounds)
        base = base or wall
        rate, per_cpu = corpus.bytes / 1e6 / wall, corpus.bytes / 1e6 / cpu
        print(f"| {name} | {rate:.1f} | {per_cpu:.1f} | {base / wall:.1f} | {differing} |")


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", type=int, default=1024)
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args(arguments)


def _best(
    encode: EncodeBatch, texts: Sequence[str], wanted: Sequence[np.ndarray], rounds: int
) -> tuple[float, float, int]:
    """(least seconds, least CPU seconds, documents whose ids differ) over some rounds."""
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        found = encode(texts)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    differing = sum(not np.array_equal(ids, canonical) for ids, canonical in zip(found, wanted, strict=True))
    return min(walls), min(cpus), differing


if __name__ == "__main__":
    main()
