"""Domains of a mix: names, shares, and what is refused with its key."""

from __future__ import annotations

from typing import Any

import pytest

from tokenizer.corpus_error import CorpusError
from tokenizer.corpus_spec import CorpusSpec, told_json
from tokenizer.domain_spec import MOST_DOMAINS, DomainSpec, shares, weighted

PROSE = DomainSpec(source="text", paths=("a/prose.txt.gz",))


def test_a_domain_is_called_after_its_first_file_or_its_source() -> None:
    assert [DomainSpec().name, PROSE.name, DomainSpec(source="text", paths=("a/*.txt",)).name] == [
        "python",
        "prose",
        "text",
    ]


def test_weights_are_shares_of_their_sum() -> None:
    domains = (DomainSpec(weight=3), DomainSpec("more", 5))
    assert shares(domains) == {"more": 0.625, "python": 0.375}
    assert shares(weighted(domains, "more", 1)) == {"more": 0.25, "python": 0.75}
    assert shares((DomainSpec(weight=0.3), DomainSpec("more", 0.1))) == {"more": 0.25, "python": 0.75}
    with pytest.raises(CorpusError, match=r"names no domain of corpus\.mix; they are python, more"):
        weighted(domains, "code", 1)


@pytest.mark.parametrize(
    ("fields", "key", "words"),
    [
        ({"mix": [DomainSpec(weight=0)]}, "mix.0.weight", "is 0: give a positive number, or leave the domain out"),
        ({"mix": [DomainSpec(), DomainSpec("b", -1)]}, "mix.1.weight", "is -1: give a positive number"),
        ({"mix": [DomainSpec(weight=float("inf"))]}, "mix.0.weight", "is inf"),
        ({"mix": [DomainSpec(), DomainSpec()]}, "mix.1.name", "is 'python', as another domain or validation set is"),
        ({"mix": [DomainSpec()], "validation": {"python": "a"}}, "validation.python", "as another domain"),
        ({"validation": {"a/b": "a"}}, "validation.a/b", "a name has 1 to 32 letters, digits"),
        ({"mix": [PROSE], "source": "text", "paths": ("a",)}, "source", "it belongs to the domains there"),
        ({"mix": [PROSE], "filters": ("c4",)}, "filters", "it belongs to the domains there"),
        ({"mix": [DomainSpec(source="text")]}, "mix.0.paths", "is empty: the source text needs files"),
        ({"mix": [DomainSpec(filters=("gophr",))]}, "mix.0.filters", "holds 'gophr': choose from"),
        ({"mix": [DomainSpec(f"d{i}") for i in range(MOST_DOMAINS + 1)]}, "mix", "has 33 domains: at most 32"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(fields: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(CorpusError) as caught:
        CorpusSpec(**fields)
    assert caught.value.key == key
    assert words in caught.value.message


def test_a_corpus_without_a_mix_is_told_as_before() -> None:
    told = told_json({"source": "python", "mix": (), "validation": {}, "max_bytes": 1})
    assert told == {"source": "python", "max_bytes": 1}
