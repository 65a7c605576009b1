"""Sweeps that come over the network: which corpora they may name, and what their sender hears of a bad file."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from orchestrator.use_cases.received import NOWHERE, corpora_within, plan_received
from tests.unit.orchestrator.use_cases.homes import open_home
from tokenizer.corpus import CorpusError, CorpusFileError
from tokenizer.files import OUTSIDE, Reach

SWEEP = b"name: x\nbudgets: [2e9, 4e9]\ncontext: 32\ncentre: {params_at: {4e9: 7e3}}\ntokenizer: {kind: byte}\n"


def overrides(source: str, path: str) -> list[str]:
    return [f"corpus.source={source}", f"corpus.paths=[{path}]"]


def test_folders_are_the_listed_ones_or_the_current_one_on_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    assert corpora_within(open_home(home), loopback=True) == Reach((tmp_path,), closed=(home,))
    assert corpora_within(open_home(home), loopback=False) == Reach((), closed=(home,))
    for loopback in (True, False):
        listed = open_home(home, corpus_folders=(Path("/data"),))
        assert corpora_within(listed, loopback=loopback) == Reach((Path("/data"),), closed=(home,))


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("jsonl", b'{"secret-key": "secret-value"}'),
        ("jsonl", b"secret"),
        ("text", b"secret \xff"),
        ("parquet", b"secret"),
    ],
)
def test_the_sender_hears_nothing_of_what_a_file_holds_and_the_log_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str, content: bytes
) -> None:
    (tmp_path / "a.file").write_bytes(content)
    within = Reach((tmp_path,))
    with caplog.at_level(logging.WARNING), pytest.raises(CorpusError) as refused:
        plan_received(open_home(tmp_path / "home"), SWEEP, overrides(source, f"{tmp_path}/a.file"), within)
    assert not isinstance(refused.value, CorpusFileError)
    assert str(refused.value).startswith("corpus.paths: a file cannot be read as corpus.source and corpus.text_key say")
    assert "secret" not in str(refused.value) and "a.file" not in str(refused.value)
    assert f"{tmp_path}/a.file" in caplog.text


def test_the_data_of_another_are_not_handed_on_because_they_were_read_before(tmp_path: Path) -> None:
    """A dataset that the operator prepared is not reused for somebody who may not name its files."""
    from orchestrator.use_cases.planning import Planning
    from sweeps.file.compose import load_sweep

    (tmp_path / "a.jsonl").write_text("".join(f'{{"text": "some text of number {i}"}}\n' for i in range(300)))
    workspace, changed = open_home(tmp_path / "home"), [*overrides("jsonl", f"{tmp_path}/a.jsonl"), "name=other"]
    Planning(workspace).facts(load_sweep(SWEEP, changed))
    for within in (NOWHERE, Reach((tmp_path / "home",))):
        with pytest.raises(CorpusError) as refused:
            plan_received(workspace, SWEEP, changed, within)
        assert str(refused.value).startswith(OUTSIDE)
