"""A home as a busy lab has it: a finished sweep, one of 2,000 runs, and 1,000 small ones, written through the store."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from orchestrator.attempts import Outcome
from orchestrator.home import Home
from orchestrator.settings import Settings
from orchestrator.states import Cause
from orchestrator.store import SweepRecord
from orchestrator.use_cases.submission import new_run
from orchestrator.use_cases.workspace import Workspace
from sweeps.file.compose import load_sweep
from sweeps.file.serialise import to_yaml
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts

FACTS = DataFacts("data", 1024, 5_000_000_000, 500_000)
"""The dataset that the runs name; there is none, because nothing is left to train."""
SIZES_OF_LARGE = 50
"""Sizes of each budget of the large sweep."""


def workspace(folder: Path) -> Workspace:
    """The home in a folder."""
    return Workspace(Home(folder, "the benchmark"), Settings(f"sqlite:///{folder / 'isoflop.db'}", "local", workers=2))


def fill(folder: Path, sweeps: int, runs: int) -> None:
    """Make the home: `lab` with the demo's runs, `big` with so many runs, and so many small sweeps."""
    opened, generator = workspace(folder), random.Random(0)
    large = f"budgets: {{from: 1e11, to: 1e14, count: {max(3, runs // SIZES_OF_LARGE)}}}\nepochs_max: 100\n"
    large += f"sizes: {{count: {SIZES_OF_LARGE}, span: 8}}\nlimits: {{flops: 1e20, hours: 1e6}}\n"
    texts = {"lab": "", "big": large} | {f"s{number:04d}": "" for number in range(sweeps)}
    driver = opened.store.start_driver("boot", [], "")
    small = load_sweep(b"extends: demo\nname: small\n")
    for number, (name, keys) in enumerate(texts.items()):
        spec = load_sweep(f"extends: demo\nname: {name}\n{keys}".encode()) if keys else replace(small, name=name)
        made = [new_run(run) for run in make_plan(spec, FACTS).runs]
        record = SweepRecord(0, name, f"{number:012x}", to_yaml(spec), FACTS.dataset, FACTS.train_tokens, (), [], 0.0)
        stored = opened.store.runs_of(opened.store.submit(record, made).id)
        claimed = opened.store.claim_all([(run.id, run.fence, "worker") for run in stored], driver)
        ends = []
        for run, attempt in zip(stored, claimed, strict=True):
            if attempt is not None and run.cell is not None:
                loss = 1.3 + 60 / run.cell.params**0.34 + 250 / run.cell.tokens**0.37 + generator.gauss(0, 0.004)
                result = {"loss": loss, "bits_per_byte": loss / 2, "train_seconds": 1.5}
                ends.append((run.id, attempt, Outcome(Cause.DONE, result, device="cpu")))
        opened.store.end_all(ends)
    opened.store.end_driver(driver)
    opened.close()
