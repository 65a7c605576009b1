"""The command itself: its options, exit codes, and which failures keep their traceback."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest
import typer

from orchestrator.cli import app as module
from orchestrator.cli.main import main, url_first
from orchestrator.cli.streams import ReaderGone
from orchestrator.errors import NotFound
from tests.unit.orchestrator.cli.conftest import Isoflop


def _ends(monkeypatch: pytest.MonkeyPatch, result: object) -> int:
    """The exit code when the command line returns a value or raises an error."""

    def run(*_: object, **__: object) -> object:
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr(module, "app", run)
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (None, 0),
        (0, 0),
        (3, 3),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (NotFound("there is no sweep 'x'"), 3),
        (FileNotFoundError("no such file"), 2),
    ],
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, result: object, code: int) -> None:
    assert _ends(monkeypatch, result) == code


def test_an_interruption_and_an_expected_error_say_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _ends(monkeypatch, KeyboardInterrupt())
    assert "type the command again to continue" in capsys.readouterr().err
    _ends(monkeypatch, NotFound("there is no sweep 'x'"))
    assert capsys.readouterr().err.strip() == "there is no sweep 'x'"


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        _ends(monkeypatch, ZeroDivisionError())


def test_a_reader_that_has_seen_enough_ends_the_command_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _ends(monkeypatch, ReaderGone()) == 0


def test_an_error_of_the_system_names_the_file_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _ends(monkeypatch, FileNotFoundError(2, "No such file or directory", "lab.yaml")) == 2
    assert capsys.readouterr().err == "lab.yaml: no such file or directory\n"
    assert _ends(monkeypatch, OSError("a socket failed")) == 2
    assert capsys.readouterr().err == "a socket failed\n"


def test_a_question_is_put_with_options_and_never_with_markup(isoflop: Isoflop) -> None:
    refused = isoflop("predict", "lab", "--gpu-hours", "3")
    assert refused.stderr == "--gpu-hours need a device: give --device, or its peak as --device-tflops\n"
    unknown = isoflop("show", "a:dog:[red]x[/red]\x1b[31m")
    assert "there is no sweep 'a:dog:[red]x[/red]\\x1b[31m'" in unknown.stderr
    assert "\x1b" not in unknown.stderr


def test_an_argument_that_is_no_text_is_refused(isoflop: Isoflop) -> None:
    refused = isoflop("sample", "1", "--prompt", "\udcff")
    assert refused.code == 2 and "'\\udcff' is not UTF-8" in refused.stderr
    assert isoflop("show", "naïve–日本").code == 3


@pytest.mark.parametrize(
    ("typed", "carried_out"),
    [
        ("ls -o json", "ls -o json"),
        ("--url U ls", "--url U ls"),
        ("ls --url U -o json", "--url U ls -o json"),
        ("show lab --url=U", "--url=U show lab"),
        ("ls --url", "--url ls"),
        ("sample x -- --url", "sample x -- --url"),
    ],
)
def test_the_service_is_named_before_the_verb_or_behind_it(typed: str, carried_out: str) -> None:
    assert url_first(typed.split()) == carried_out.split()


def test_usage_is_one_sentence_and_two_pointers(isoflop: Isoflop) -> None:
    assert isoflop("ls", "--bogus").stderr.splitlines() == [
        "No such option: --bogus",
        "Usage: isoflop ls [OPTIONS]",
        "help: isoflop ls -h",
    ]


def test_help_loads_nothing_that_only_verbs_need() -> None:
    heavy = ("importlib.metadata", "psutil", "platformdirs", "numpy", "pandas", "yaml", "rich.live")
    code = f"import sys, orchestrator.cli.app; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_version_and_usage(isoflop: Isoflop) -> None:
    assert isoflop("--version").stdout == f"isoflop {importlib.metadata.version('isoflop')}\n"
    unknown = isoflop("frobnicate")
    assert (unknown.code, unknown.stdout) == (2, "")
    assert "frobnicate" in unknown.stderr
    assert "--install-completion" in isoflop("-h").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_verbs_and_options_complete(isoflop: Isoflop, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "isoflop pred")
    monkeypatch.setenv("COMP_WORDS", "isoflop pred")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setenv("_ISOFLOP_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    assert "predict" in isoflop().stdout
