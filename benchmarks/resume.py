"""Seconds from retyping the command of a killed sweep to its first training step, and processes left at the end.

    python -m benchmarks.resume [SWEEP] [KILLS]

Kills the driver with SIGKILL at random moments of a running sweep, types the command again, and compares with a first
start on the same machine. The home is a temporary folder.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from orchestrator.cluster.attempt_log import read_events

ISOFLOP = Path(sys.executable).with_name("isoflop")
"""The command line."""


def family(home: Path) -> list[psutil.Process]:
    """Processes whose environment names this home."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("ISOFLOP_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def attempt_logs(home: Path) -> frozenset[Path]:
    """The logs of all attempts so far."""
    return frozenset((home / "runs").glob("*/attempt-*.jsonl"))


def steps_logged(home: Path, earlier: frozenset[Path] = frozenset()) -> int:
    """Number of progress events in the logs of the home, without those of `earlier` attempts.

    A killed driver's workers live on for a second and may log one more step: only new attempts show a new driver.
    """
    logs = attempt_logs(home) - earlier
    return sum(event["kind"] == "progress" for log in logs for event in read_events(log))


def start(home: Path, sweep: str) -> tuple[subprocess.Popen[bytes], float]:
    """Start the command; returns its process and the seconds to the next training step."""
    earlier, began = attempt_logs(home), time.monotonic()
    environment = os.environ | {"ISOFLOP_HOME": str(home), "WANDB_MODE": "offline"}
    quiet = subprocess.DEVNULL
    driver = subprocess.Popen([str(ISOFLOP), "run", sweep, "--yes"], env=environment, stdout=quiet, stderr=quiet)
    while steps_logged(home, earlier) == 0 and driver.poll() is None:
        time.sleep(0.05)
    return driver, time.monotonic() - began


def main() -> None:
    """Print the times."""
    sweep = sys.argv[1] if len(sys.argv) > 1 else "tiny"
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    moments = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        driver, first = start(home, sweep)
        print(f"first start (corpus, tokenizer, calibration and all): {first:.1f} s to the first step")
        for kill in range(kills):
            time.sleep(moments.uniform(0, 4))
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            driver, again = start(home, sweep)
            print(f"kill {kill + 1}: {again:.1f} s from retyping to the next step, {again / first:.2f} of the first")
        code = driver.wait()
        ended = time.monotonic()
        while family(home) and time.monotonic() - ended < 60:
            time.sleep(0.1)
        left = family(home)
        print(f"exit code {code}; {len(left)} processes left {time.monotonic() - ended:.1f} s after the end")


if __name__ == "__main__":
    main()
