"""Which secrets ISOFLOP_TOKEN may hold."""

from __future__ import annotations

import pytest

from orchestrator.access_token import read_token
from orchestrator.settings import SettingsError

SECRET = "correct-horse-16"


@pytest.mark.parametrize("text", [SECRET, f"{SECRET}\n", f" {SECRET}\r\n", f"\t{SECRET} "])
def test_white_space_around_a_secret_does_not_count(text: str) -> None:
    assert read_token({"ISOFLOP_TOKEN": text}) == SECRET


@pytest.mark.parametrize("environ", [{}, {"ISOFLOP_TOKEN": ""}, {"ISOFLOP_TOKEN": " \n"}])
def test_an_empty_secret_is_none(environ: dict[str, str]) -> None:
    assert read_token(environ) is None


@pytest.mark.parametrize("length", [16, 1024])
def test_the_shortest_and_the_longest_secret(length: int) -> None:
    assert read_token({"ISOFLOP_TOKEN": "x" * length}) == "x" * length


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "has 1 character: give a secret of 16 to 1024, such as the output of: openssl rand -hex 16"),
        ("x" * 15, "has 15 characters"),
        ("x" * 1025, "has 1025 characters"),
        ("correct horse battery", "without spaces inside"),
        ("correct\nhorse\nbattery", "without spaces inside"),
        ("pässwörter-mit-umlaut", "printable ASCII"),
        ("x" * 15 + "\x7f" + "x", "printable ASCII"),
    ],
)
def test_what_is_no_secret_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        read_token({"ISOFLOP_TOKEN": text})
    assert str(refused.value).startswith("ISOFLOP_TOKEN")
    assert text == "x" or text not in str(refused.value)
