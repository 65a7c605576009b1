"""Cuts for the native tokenizers: they lose nothing, bound every stretch, and change no token of ordinary text."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.tokenizer.tokenizer_data import HARD, SOURCE
from tokenizer import stretches as module
from tokenizer.encode import TiktokenEncoder
from tokenizer.stretches import LONGEST_STRETCH, all_parts, parts
from tokenizer.vocabulary import BpeTokenizer, Tokenizer

CHARS = "abZ 1²'s\n\t\x1c\u00a0\u3000\u0301东éǅ!?-😀_"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lengths at which small texts are cut."""
    monkeypatch.setattr(module, "LONGEST_STRETCH", 5)
    monkeypatch.setattr(module, "PART", 11)


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("a" * 5, [5]),
        ("a" * 6, [5, 1]),
        ("a" * 11, [5, 5, 1]),
        ("ab 1234567 c", [8, 4]),
        ("  \n\n\t\r\x0b", [5, 2]),
        ("!?!\x1c-+", [5, 1]),
        ("aaa111bbb222", [12]),
        ("\u0301" * 7, [5, 2]),
        ("é东ǅzab", [5, 1]),
        ("²½1१୨9", [5, 1]),
        ("x" + " " * 6 + "y", [6, 2]),
        ("", [0]),
    ],
)
@pytest.mark.usefixtures("short")
def test_stretches_of_one_class_are_cut_and_others_are_not(text: str, lengths: list[int]) -> None:
    assert [len(part) for part in parts(text)] == lengths


@pytest.mark.usefixtures("short")
@settings(max_examples=300)
@given(text=st.text(alphabet=CHARS, max_size=80) | st.text(max_size=60))
@example(text="a" * 30)
@example(text="' ' ' ' ' ' ' '")
@example(text="'a'a'a'a'a'a'a'a'a")
def test_parts_are_the_text_and_none_holds_a_long_stretch(text: str) -> None:
    made = list(parts(text))
    assert "".join(made) == text
    for part in made:
        assert "" == part == text or 0 < len(part) <= 11 + 2 * 5 + 1
        kinds = [module._class_of(char) for char in part]
        assert all(len(set(kinds[i : i + 6])) > 1 for i in range(len(kinds) - 5))


@pytest.mark.parametrize(
    ("text", "at", "cut"),
    [
        ("abc def", 1, 3),
        ("abc def", 3, 3),
        ("abc def", 4, 7),
        ("don't stop", 3, 3),
        ("don't stop", 4, 5),
        ("'5", 1, 1),
        ("'' a", 1, 2),
        ("ab12!?", 1, 2),
        ("ab12!?", 3, 4),
        ("a  \n b", 2, 6),
        ("abc", 1, 3),
    ],
)
def test_a_part_ends_between_two_pre_splits(text: str, at: int, cut: int) -> None:
    """Not before a word whose blank comes first, nor inside a contraction."""
    assert module._harmless_cut(text, at, len(text)) == cut


def test_a_character_that_python_does_not_know_counts_as_a_letter() -> None:
    assert [module._class_of(char) for char in "\u0378a1 \x1c"] == ["L", "L", "N", "blank", "other"]


@settings(max_examples=300)
@given(text=st.text(alphabet=CHARS, max_size=80))
@example(text="it's, we'll ''s 'x " * 4)
@example(text="a " * 20)
def test_cuts_between_pre_splits_change_no_token(trained: dict[str, Tokenizer], text: str) -> None:
    """Every place at which a part may end is tried."""
    tokenizer = trained["bpe"]
    assert isinstance(tokenizer, BpeTokenizer)
    whole = tokenizer.encode(text)
    for at in range(1, len(text)):
        cut = module._harmless_cut(text, at, len(text))
        assert tokenizer.encode(text[:cut]) + tokenizer.encode(text[cut:]) == whole


def test_ordinary_text_is_one_part_or_has_the_tokens_of_one(
    trained: dict[str, Tokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SOURCE[:15_000] + HARD
    assert list(parts(text)) == [text] and LONGEST_STRETCH < len(text) < module.PART
    tokenizer = trained["bpe"]
    assert isinstance(tokenizer, BpeTokenizer)
    whole = tokenizer.encode(text)
    monkeypatch.setattr(module, "PART", 1_000)
    assert len(list(parts(text))) > 10
    assert tokenizer.encode(text) == whole
    assert tokenizer.encode_batch([text])[0].tolist() == whole
    assert TiktokenEncoder(tokenizer).encode_batch([text])[0].tolist() == whole


def test_every_text_is_cut_in_turn() -> None:
    assert list(all_parts(["a b", "z" * (LONGEST_STRETCH + 1), ""])) == ["a b", "z" * LONGEST_STRETCH, "z", ""]
