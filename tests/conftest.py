"""Shared by all tests: one real, finished sweep, and the running of the command line in a clean environment."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from filelock import FileLock

from orchestrator.store import Store
from orchestrator.store.tables import calibrations
from tests import BLAS_THREADS

os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # before Ray is loaded: it looks once
ROOT = Path(__file__).resolve().parent.parent
ISOFLOP = Path(sys.executable).with_name("isoflop")
RUN_SECONDS = 240
"""Longest that one command of a test may take."""
FOREIGN = ("model.py", "analysis.py", "tokenizer.py", "sweeps.py", "orchestrator.py", "tests/__init__.py")
"""The user's own modules in the folder in which the tiny sweep is run, with the names of ours."""
TRAP = "raise SystemExit('this is the user\\'s file, not ours')\n"
"""What they do to whoever imports them."""
SHARED = "ISOFLOP_TEST_SHARED"
"""Variable with the folder of what the sessions of one checkout share."""
EXPECTED_SKIPS = (
    "needs a CUDA device",
    "is not at hand",  # published results, which are no part of the repository
    "packets between network namespaces are dropped here",
    "network namespaces need root",
    "needs root: acts as another user",
    "needs isoflop[dev-s3]",
    "no network namespaces here",
    "needs root: acts as another user",
)
"""Reasons for which a test may be skipped in CI; `--forbid-skips` fails the session for any other."""
_skipped: dict[str, str] = {}
"""Reason of each test that was skipped and should not have been."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option of continuous integration."""
    parser.addoption("--forbid-skips", action="store_true", help="fail where a test is skipped unexpectedly")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember an unexpected skip."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not any(expected in reason for expected in EXPECTED_SKIPS):
            _skipped[report.nodeid] = reason


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail for unexpected skips where they are forbidden."""
    if _skipped and session.config.getoption("--forbid-skips") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the unexpected skips where they are forbidden."""
    if _skipped and config.getoption("--forbid-skips"):
        terminalreporter.section("skipped unexpectedly", red=True)
        for test, reason in _skipped.items():
            terminalreporter.line(f"{test}: {reason}")


@dataclass(frozen=True)
class Sandbox:
    """A home of its own, and an environment in which no key, proxy or setting of the user's is left."""

    home: Path
    cwd: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands in this sandbox."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ISOFLOP_", "WANDB_", "RAY_", BLAS_THREADS))}
        own = {"ISOFLOP_HOME": str(self.home), "WANDB_MODE": "disabled", "NO_COLOR": "1"}
        # Beside other tests, workers that make way would starve, and few services live until somebody asks.
        return kept | own | {"RAY_worker_niceness": "0", "ISOFLOP_WARM_UP": "no"}

    def isoflop(self, *arguments: str, check: bool = True, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        done = subprocess.run(
            [str(ISOFLOP), *arguments],
            cwd=self.cwd,
            env=self.environment | extra,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        if check and done.returncode != 0:
            pytest.fail(
                f"isoflop {' '.join(arguments)} → {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
            )
        return done

    def start(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """Start the command line and leave it running."""
        return subprocess.Popen(
            [str(ISOFLOP), *arguments],
            cwd=self.cwd,
            env=self.environment | extra,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def make_sandbox(folder: Path) -> Sandbox:
    """A sandbox below a temporary folder."""
    home, cwd = folder / "home", folder / "cwd"
    home.mkdir(parents=True)
    cwd.mkdir()
    return Sandbox(home, cwd)


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return make_sandbox(tmp_path)


@dataclass(frozen=True)
class Finished:
    """A sandbox in which the tiny sweep was run."""

    sandbox: Sandbox
    stderr: str

    def isoflop(self, *arguments: str, check: bool = True, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run the command line in it."""
        return self.sandbox.isoflop(*arguments, check=check, **extra)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The tiny sweep, run once for real: corpus, tokenizer, Ray, wandb, fit, report. Each test process has a copy.

    Sessions that have the same folder ISOFLOP_TEST_SHARED run it once for all of them.
    """
    base = tmp_path_factory.getbasetemp()
    shared = Path(os.environ.get(SHARED) or (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base))
    with FileLock(shared / "finished.lock"):
        if not (shared / "finished").exists():
            made = _run_tiny(make_sandbox(shared / "being-finished"))
            (made.sandbox.cwd / "stderr").write_text(made.stderr, encoding="utf-8")
            (shared / "being-finished").rename(shared / "finished")
        own = tmp_path_factory.mktemp("finished") / "copy"
        shutil.copytree(shared / "finished", own)
    stderr = (own / "cwd" / "stderr").read_text(encoding="utf-8")
    (own / "cwd" / "stderr").unlink()
    return Finished(Sandbox(own / "home", own / "cwd"), stderr)


def _run_tiny(sandbox: Sandbox) -> Finished:
    (sandbox.cwd / "tests").mkdir()
    for name in FOREIGN:
        (sandbox.cwd / name).write_text(TRAP)
    done = sandbox.isoflop("run", "tiny", "--yes", check=False, WANDB_MODE="offline")
    assert done.returncode in (0, 1), done.stderr[-5000:]  # 1: the tiny curves may have no law
    table = sandbox.isoflop("export", "tiny", "--out", "-").stdout.splitlines()
    states = {line.split(",")[1] for line in table[1:]}
    assert states == {"done"}, done.stderr[-5000:]
    return Finished(sandbox, done.stderr)


@contextmanager
def serving(sandbox: Sandbox, **extra: str) -> Iterator[str]:
    """`isoflop serve` on a free port of loopback; ends it by SIGTERM and expects a clean end."""
    server = sandbox.start("serve", "--port", "0", **extra)
    assert server.stdout is not None
    lines = []
    try:
        for line in server.stdout:
            lines.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        else:
            pytest.fail("the service did not start:\n" + "".join(lines))
        yield found[0]
        server.terminate()
        output, _ = server.communicate(timeout=60)
        assert server.returncode == 0, output[-3000:]
    finally:
        server.kill()
        server.wait(10)


def copy_datasets(source: Sandbox, target: Sandbox, names: Sequence[str] = ("artifacts", "implementations")) -> None:
    """Spare a test the tokenising and the measuring of this machine: any home may use another's.

    With the machine's choices among equivalent implementations, which a home makes by timing, bits are equal, too.
    """
    for name in names:
        shutil.copytree(source.home / name, target.home / name, dirs_exist_ok=True)
    old, new = (Store(f"sqlite:///{sandbox.home / 'isoflop.db'}") for sandbox in (source, target))
    with old.reading() as db:
        rows = db.execute(sa.select(calibrations)).all()
    for row in rows:
        new.save_calibration(row.machine, row.key, row.data)
    old.close()
    new.close()
