"""Results on stdout in three forms, hints on stderr, and how wide a table may be."""

from __future__ import annotations

import io
import json

import pytest

from orchestrator.cli import output
from orchestrator.cli.output import PIPE_WIDTH, Format, emit_json, emit_rows, print_lines, print_table, say, width_of

ROWS = [{"run": "a", "flops": 1.5e10, "extra": "x"}, {"run": "b", "flops": 3e10}]


class Terminal(io.StringIO):
    """A stream that is a terminal of unknown size."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError


def test_json_and_csv_have_every_digit_and_column(capsys: pytest.CaptureFixture[str]) -> None:
    emit_rows(ROWS, ["run", "flops"], Format.JSON)
    assert json.loads(capsys.readouterr().out) == ROWS
    emit_rows(ROWS, ["run", "flops"], Format.CSV)
    assert capsys.readouterr().out == "run,flops,extra\na,15000000000.0,x\nb,30000000000.0,\n"


def test_a_table_has_the_given_columns_rounded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    emit_rows(ROWS, ["run", "flops"], Format.TABLE, "Runs")
    assert capsys.readouterr().out == "Runs\nrun     flops\na    1.5×10¹⁰\nb      3×10¹⁰\n"
    monkeypatch.setenv("COLUMNS", "8")
    emit_rows(ROWS, ["run", "flops"], Format.TABLE, importance=("flops",))
    assert capsys.readouterr().out.splitlines()[0] == "   flops"


def test_a_table_goes_to_stderr_unless_a_stream_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(ROWS, ["run"])
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "run\na\nb\n")


def test_the_header_is_bold_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    print_table(ROWS, ["run"], stream=terminal)
    assert terminal.getvalue().startswith("\033[1mrun\033[0m\n")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    print_table(ROWS, ["run"], stream=plain)
    assert plain.getvalue().startswith("run\n")


def test_the_width_is_that_of_columns_or_the_terminal_or_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert width_of(io.StringIO()) == 72
    for useless in ("", "0", "wide"):
        monkeypatch.setenv("COLUMNS", useless)
        assert width_of(io.StringIO()) == PIPE_WIDTH
    assert width_of(Terminal()) == PIPE_WIDTH
    terminal = Terminal()
    monkeypatch.setattr(terminal, "fileno", lambda: 7)
    monkeypatch.setattr(output.os, "get_terminal_size", lambda number: output.os.terminal_size((40 + number, 20)))
    assert width_of(terminal) == 47


def test_json_has_null_for_what_is_not_finite(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"interval": (1.0, float("inf")), "deep": [{"x": float("nan")}], "n": 3})
    assert json.loads(capsys.readouterr().out) == {"interval": [1.0, None], "deep": [{"x": None}], "n": 3}


def test_lines_go_to_stdout_and_hints_to_stderr_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(["[bold] ✓", "second"])
    say("[finished] :smile:")
    printed = capsys.readouterr()
    assert printed.out == "[bold] ✓\nsecond\n"
    assert printed.err.strip() == "[finished] :smile:"
