"""Fifty clients read and ask: p50 and p99 of each route, cold, kept, and with nothing kept.

    python -m benchmarks.service_load [--seconds 20] [--clients 50] [--think 0.5] [--sweeps 1000] [--runs 2000]

Makes a home with a finished sweep, a large one and many small ones, serves it in a process of its own without a
scheduler, and asks over loopback. Clients pause between two requests, as people and scripts do. The same requests are
then sent to the same service with every cache switched off, which this script does, not the product.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
SIZES_OF_LARGE = 50
"""Sizes of each budget of the large sweep."""
API = "/api/v1/sweeps"
ROUTES = {
    "list": (API,),
    "list, a part": (f"{API}?limit=50&sort=name",),
    "show": (f"{API}/lab",),
    "fit": (f"{API}/lab/fit",),
    "prediction": tuple(f"{API}/lab/prediction?flops={budget}" for budget in ("1e13", "3e13", "1e14", "3e14")),
    "chart": (f"{API}/lab/chart",),
    "chart, SVG": (f"{API}/lab/charts/isoflop.svg",),
    "page of sweeps": ("/",),
    "page of a sweep": ("/sweeps/lab",),
    "plots of its page": ("/sweeps/lab/figures/isoflop.json", "/sweeps/lab/figures/contour.json"),
    "large: runs": (f"{API}/big/runs?limit=100",),
    "large: fit": (f"{API}/big/fit",),
    "large: page": ("/sweeps/big",),
    "health": ("/healthz",),
}
"""What is asked, by name; `big` is the large sweep."""


@dataclass
class Seen:
    """What clients saw of one route."""

    seconds: list[float] = field(default_factory=list)
    """Seconds of each answer."""
    errors: int = 0
    """Answers that were no success."""
    size: int = 0
    """Bytes of the last answer as it travelled."""


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
    for number, (name, keys) in enumerate(texts.items()):
        spec = load_sweep(f"extends: demo\nname: {name}\n{keys}".encode())
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
    opened.close()


def serve(folder: Path, port: int, *, keep: bool) -> None:
    """Serve the home until the process is ended; without `keep` everything is read and computed for each request."""
    import uvicorn

    from orchestrator.api.app import create_app
    from orchestrator.use_cases.workshop import Workshop

    if not keep:
        switch_off()
    app = create_app(workspace(folder), workshop=Workshop())
    uvicorn.run(app, port=port, log_level="error")


def switch_off() -> None:
    """Let nothing be kept."""
    from orchestrator.use_cases import current, kept

    def compute(self: Any, _key: object, make: Any, *arguments: Any) -> Any:
        return self._executor.submit(make, *arguments)

    kept.Kept.get = compute  # type: ignore[method-assign]
    current._Latest.get = lambda _self, _key, make: make()  # type: ignore[method-assign,assignment]
    current.Current._read = lambda _self, _earlier: current._Reading()  # type: ignore[method-assign]


@contextmanager
def served(folder: Path, *, keep: bool) -> Iterator[tuple[int, int]]:
    """Port and process id of a service."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.service_load", "--serve", str(folder), "--port", str(port)]
    process = subprocess.Popen([*command, *([] if keep else ["--no-keep"])])
    try:
        while True:
            try:
                ask(http.client.HTTPConnection("127.0.0.1", port), "/healthz")
                break
            except OSError:
                time.sleep(0.2)
        time.sleep(8)  # its processes load what they need
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[int, int]:
    """Status and bytes of an answer."""
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    return answer.status, len(answer.read())


def timed(connection: http.client.HTTPConnection, path: str, seen: Seen) -> None:
    """Ask once, and note what came."""
    began = time.perf_counter()
    status, size = ask(connection, path)
    seen.seconds.append(time.perf_counter() - began)
    seen.errors += status != 200
    seen.size = size


def one_by_one(port: int, names: list[str]) -> dict[str, Seen]:
    """Ask for everything once, one after the other."""
    found = {name: Seen() for name in names}
    for name in names:
        for path in ROUTES[name]:
            timed(http.client.HTTPConnection("127.0.0.1", port), path, found[name])
    return found


def together(port: int, names: list[str], clients: int, seconds: float, think: float) -> dict[str, Seen]:
    """Ask for everything again and again, by so many clients at a time."""
    found = {name: Seen() for name in names}
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        generator, connection = random.Random(number), http.client.HTTPConnection("127.0.0.1", port)
        time.sleep(generator.random() * think)
        while time.monotonic() < end:
            name = generator.choice(names)
            timed(connection, generator.choice(ROUTES[name]), found[name])
            time.sleep(generator.expovariate(1 / think))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def memory(pid: int) -> float:
    """Resident memory of a process, MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def percentile(seconds: list[float], share: float) -> str:
    """A percentile in milliseconds."""
    ordered = sorted(seconds)
    return f"{1e3 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]:.0f}" if ordered else "–"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in (("--seconds", 20.0), ("--think", 0.5)):
        parser.add_argument(option, type=float, default=default)
    for option, number in (("--clients", 50), ("--sweeps", 1000), ("--runs", 2000), ("--port", 0)):
        parser.add_argument(option, type=int, default=number)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--no-keep", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help="a home that an earlier call made; it is made if it is missing")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port, keep=not options.no_keep)
        return
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        if not (home / "isoflop.db").exists():
            home.mkdir(exist_ok=True)
            fill(home, options.sweeps, options.runs)
        measure(home, options.clients, options.seconds, options.think)


def measure(home: Path, clients: int, seconds: float, think: float) -> None:
    """Ask a service that keeps its answers and one that does not."""
    names = list(ROUTES)
    with served(home, keep=True) as (port, pid):
        cold = one_by_one(port, names)
        before = memory(pid)
        warm = together(port, names, clients, seconds, think)
        after = memory(pid)
    with served(home, keep=False) as (port, _):
        off = together(port, [name for name in names if "large" not in name], clients, seconds, think)
    print(
        f"{clients} clients, {think:g} s between requests, {os.cpu_count()} CPUs; memory {before:.0f} → {after:.0f} MiB"
    )
    print("| route | kB | first, ms | kept p50 | kept p99 | kept n | errors | not kept p50 | not kept p99 | n |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in names:
        first, kept, bare = cold[name], warm[name], off.get(name, Seen())
        cells = [f"{kept.size / 1e3:.0f}", f"{1e3 * max(first.seconds):.0f}"]
        cells += [percentile(kept.seconds, 0.5), percentile(kept.seconds, 0.99), str(len(kept.seconds))]
        cells += [str(first.errors + kept.errors)]
        cells += [percentile(bare.seconds, 0.5), percentile(bare.seconds, 0.99), str(len(bare.seconds))]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
