"""Every tokenizer on fuzzed and pathological text: canonical ids, nothing lost, no time that grows with the square."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from tests.unit.tokenizer.fuzzed import texts
from tests.unit.tokenizer.test_loading import foreign, rank_file
from tests.unit.tokenizer.tokenizer_data import SOURCE
from tokenizer.bpe_trainer import train_bpe_apart
from tokenizer.corpus import CorpusSpec, read_documents
from tokenizer.encode import TiktokenEncoder, choose_encoder
from tokenizer.given import HuggingFaceTokenizer, RankTokenizer
from tokenizer.training import train_tokenizer
from tokenizer.vocabulary import BOS, BpeTokenizer, Tokenizer, TokenizerSpec

LONG = 10_000_000
"""Characters of a pathological text."""


@pytest.fixture(scope="module")
def every(trained: dict[str, Tokenizer]) -> dict[str, Tokenizer]:
    """Every kind of tokenizer, with the user's own in both forms, and a BPE that knows the fuzz."""
    given: dict[str, Tokenizer] = {
        "huggingface": HuggingFaceTokenizer(json.dumps(foreign(trained))),
        "tiktoken": RankTokenizer(rank_file(trained)),
        "fuzzed": train_tokenizer(TokenizerSpec("bpe", 700), [SOURCE[:20_000], *texts(1, 60)]),
    }
    return trained | given


def check(every: dict[str, Tokenizer], samples: Sequence[str]) -> None:
    """All ids are canonical, by whatever way, and give the text back."""
    from tokenizers import Tokenizer as Inner

    for kind, tokenizer in every.items():
        encoded = choose_encoder(tokenizer, samples[:1]).encode_batch(samples)
        for text, ids in zip(samples, encoded, strict=True):
            assert tokenizer.decode(ids.tolist()) == text, kind
            assert tokenizer.bos_id not in ids, kind
            assert tokenizer.encode(text) == ids.tolist(), kind
    for kind in ("bpe", "fuzzed"):
        canonical = Inner.from_str(every[kind].to_json())
        canonical.encode_special_tokens = True
        wanted = [one.ids for one in canonical.encode_batch(list(samples), add_special_tokens=False)]
        bpe = every[kind]
        assert isinstance(bpe, BpeTokenizer)
        assert [ids.tolist() for ids in TiktokenEncoder(bpe).encode_batch(samples)] == wanted
    both = (every[kind].encode_batch(samples) for kind in ("huggingface", "tiktoken"))
    assert all(first.tolist() == second.tolist() for first, second in zip(*both, strict=True))


def test_fuzzed_text_has_canonical_ids_and_comes_back(every: dict[str, Tokenizer]) -> None:
    check(every, [*texts(2, 150), "", BOS, f"{BOS}{BOS} a", "<|endoftext|>"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_much_fuzzed_text(every: dict[str, Tokenizer], seed: int) -> None:
    check(every, list(texts(seed, 3_000)))


PATHOLOGICAL: dict[str, Callable[[int], str]] = {
    "one letter": lambda size: "a" * size,
    "letters": lambda size: "".join(itertools.islice(itertools.cycle("abcdefghijklmnopqrstuvwxyzäß東"), size)),
    "blanks": lambda size: " " * size,
    "lines": lambda size: "\n" * size,
    "digits": lambda size: "0123456789" * (size // 10),
    "signs": lambda size: "#" * size,
    "marks": lambda size: "e" + "\u0301" * size,
    "emoji": lambda size: "👩‍👩‍👧" * (size // 5),
    "one line": lambda size: "def f(x): return x; " * (size // 20),
}
"""Texts on which a naive tokenizer takes a time that grows with the square of their length."""


@pytest.mark.parametrize("text", PATHOLOGICAL)
def test_long_stretches_come_back(every: dict[str, Tokenizer], text: str) -> None:
    long = PATHOLOGICAL[text](20_000)
    for kind, tokenizer in every.items():
        encoder = choose_encoder(tokenizer, ["a"])
        assert tokenizer.decode(encoder.encode_batch([long])[0].tolist()) == long, kind


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("text", PATHOLOGICAL)
def test_ten_megabytes_without_a_break(every: dict[str, Tokenizer], text: str) -> None:
    """Squares of 10⁷ would take days: the test's own limit in time is the check."""
    long = PATHOLOGICAL[text](LONG)
    for kind in ("bpe", "word", "huggingface", "tiktoken"):
        tokenizer = every[kind]
        encoder = choose_encoder(tokenizer, ["a"])
        assert tokenizer.decode(encoder.encode_batch([long])[0].tolist()) == long, kind
    train_tokenizer(TokenizerSpec("bpe", 258), [long])


def test_training_does_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def trained(threads: int, samples: Iterable[str]) -> str:
        monkeypatch.setenv("RAYON_NUM_THREADS", str(threads))
        return train_bpe_apart(samples, 500, BOS, lambda: None)

    samples = [SOURCE[:40_000], *texts(3, 100)]
    assert trained(1, samples) == trained(2, samples) == trained(2, samples)


def test_training_does_not_depend_on_the_order_of_files(tmp_path: Path) -> None:
    for number, text in enumerate(texts(4, 30)):
        (tmp_path / f"{number}.txt").write_text(text.replace("\r", " ").replace("\0", "") + "x", encoding="utf-8")
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    corpora = [read_documents(CorpusSpec("text", tuple(order))) for order in (paths, paths[::-1])]
    made = [
        train_tokenizer(TokenizerSpec("bpe", 300), [document.text for document in corpus.documents])
        for corpus in corpora
    ]
    assert made[0].to_json() == made[1].to_json()
