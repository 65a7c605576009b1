"""Fits by two packages from PyPI, in an interpreter of their own; `fit_speed.py --peers` runs this file.

    python3.12 -m venv /tmp/peers && /tmp/peers/bin/pip install simple-scaling-laws chinchilla
    python benchmarks/fit_speed.py --peers /tmp/peers/bin/python

Arguments: a CSV of runs, and the FLOPs to predict. Prints one line of JSON per package: the seconds of the fit with its
intervals, N* and its 95 % interval where the package has one, or why there is no answer. Imports nothing of isoflop.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

DRAWS = 1000
"""Bootstraps: the default of simple-scaling-laws."""
STARTS = 3
"""Starts per parameter of chinchilla's grid, 243 in all; its README has 5, which are 3,125 in all."""
Rows = list[dict[str, float]]
"""Runs by column: flops, params, tokens, loss."""


def simple_scaling_laws(rows: Rows, flops: float) -> dict[str, Any]:
    """The package's default, the additive law, with its bootstrap; https://pypi.org/project/simple-scaling-laws."""
    import polars
    from simple_scaling_laws import fit
    from simple_scaling_laws.cost import cost_model

    table = polars.DataFrame(
        {
            "training_run_id": [f"r{i}" for i in range(len(rows))],
            "test_set_id": ["test"] * len(rows),
            "model_size__n_params": [row["params"] for row in rows],
            "dataset_size__n_tokens": [row["tokens"] for row in rows],
            "test_loss__cross_entropy": [row["loss"] for row in rows],
        }
    )
    start = time.perf_counter()
    model = fit(table, law="separable-power", n_draws=DRAWS, seed=0)
    cost = cost_model("power", k=6.0, a=1.0, b=1.0)
    answer = model.optimal_allocation([flops], cost, quantiles=[0.025, 0.5, 0.975]).row(0, named=True)
    seconds = time.perf_counter() - start
    size = "model_size__n_params"
    return {
        "what": f"additive, {DRAWS} bootstraps",
        "seconds": seconds,
        "params": answer[f"{size}__median"],
        "interval": [answer[f"{size}__q025"], answer[f"{size}__q975"]],
    }


def chinchilla(rows: Rows, flops: float) -> dict[str, Any]:
    """The grid of the package's README, thinned, and its default loss function, without an interval.

    https://pypi.org/project/chinchilla
    """
    import numpy as np
    from chinchilla import Chinchilla

    grid = {
        "E": np.linspace(1, 2, STARTS),
        "a": np.linspace(1, 10, STARTS),
        "b": np.linspace(1, 10, STARTS),
        "alpha": np.linspace(0.1, 0.7, STARTS),
        "beta": np.linspace(0.1, 0.7, STARTS),
    }
    with tempfile.TemporaryDirectory() as folder:
        law = Chinchilla(folder, param_grid=grid, log_level=logging.CRITICAL)
        for row in rows:
            law.append(C=row["flops"], N=row["params"], D=row["tokens"], loss=row["loss"])
        start = time.perf_counter()
        law.fit(parallel=True)
        params = float(law.allocate_compute(flops)[0])
        seconds = time.perf_counter() - start
    return {"what": f"additive, {STARTS**5} starts, no interval", "seconds": seconds, "params": params}


def answer(peer: Callable[[Rows, float], dict[str, Any]], rows: Rows, flops: float) -> dict[str, Any]:
    """A peer's answer, or the reason why there is none."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return peer(rows, flops)
    except ImportError as error:
        return {"error": f"not installed, skipped ({error})"}
    except Exception as error:  # noqa: BLE001  (whatever a peer raises is its answer)
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Print the answers."""
    with Path(sys.argv[1]).open(encoding="utf-8") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    for name, peer in (("simple-scaling-laws", simple_scaling_laws), ("chinchilla", chinchilla)):
        print(json.dumps({name: answer(peer, rows, float(sys.argv[2]))}), flush=True)


if __name__ == "__main__":
    main()
