"""What a service takes and gives under load: latency, CPU and size of each route, and what training loses by it.

    python -m benchmarks.service [--seconds 60] [--clients 50] [--listeners 200] [--sweeps 1000] [--runs 2000] [--idle]

Makes a home with a finished sweep, a large one and many small ones, and starts `isoflop serve` on it, which trains a
sweep on both cores. Then it asks over loopback: for everything once (`first`), one by one for what is kept (`CPU`, of
the service and its processes, which other programs on the machine do not change), and by all clients together, with a
pause of half a second between two requests of each, while listeners follow the sweep that trains. The clients are one
thread of this process, whose CPU is part of what training loses. With `--idle` nothing trains. With `--requests 20000`
clients ask so often without a pause instead, every second time something new, and memory is printed.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.service_home import fill
from benchmarks.service_load import Seen, ask_together, listening
from benchmarks.service_taken import all_seconds, cpu_seconds, memory

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
BUSY = b"""extends: demo
name: busy
budgets: [3e13, 3.3e13, 3.6e13]
sizes: {count: 3, span: 1.5}
seeds: {default: 1, smallest_budget: 1, largest_budget: 1}
epochs_max: 1000
limits: {flops: 1e18, hours: 100}
"""
"""A sweep whose runs take many minutes each."""
THINK = 0.5
"""Mean seconds between an answer and the same client's next request."""
REPEATS = 20
"""Requests of each address by which its CPU is measured."""
HOUR_PARTS = 10
"""Parts of an hour's worth of requests after which memory is read."""
PARTS = 4
"""Parts of the load after which memory is read."""


@contextmanager
def served(folder: Path, *, trains: bool) -> Iterator[tuple[int, int]]:
    """Port and process id of a service; without training, of one without a scheduler."""
    module = ["orchestrator.cli", "serve", "--port", "0"] if trains else ["benchmarks.service", "--serve", str(folder)]
    environment = os.environ | {"ISOFLOP_HOME": str(folder), "WANDB_MODE": "disabled"}
    process = subprocess.Popen(
        [sys.executable, "-m", *module], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        said: list[str] = []
        while (found := re.search(r"127\.0\.0\.1:(\d+)", said[-1] if said else "")) is None:
            said.append(process.stdout.readline())
            if not said[-1]:
                raise SystemExit("the service did not start:\n" + "".join(said))
        threading.Thread(target=process.stdout.read, daemon=True).start()
        wait_until_it_answers(int(found[1]))
        yield int(found[1]), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_until_it_answers(port: int) -> None:
    """Wait until a service answers."""
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=60)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return


def serve(folder: Path) -> None:
    """Serve a home without a scheduler until the process is ended."""
    import uvicorn

    from benchmarks.service_home import workspace
    from orchestrator.api.app import create_app
    from orchestrator.api.connections import most_connections, timed_protocol
    from orchestrator.use_cases.workshop import Workshop

    app = create_app(workspace(folder), workshop=Workshop())
    protocol = timed_protocol(most_connections(), repeats=app.state.repeats)
    config = uvicorn.Config(app, log_level="error", log_config=None, port=0, http=protocol)
    bound = config.bind_socket()
    print(f"127.0.0.1:{bound.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[bound])


def ask(connection: http.client.HTTPConnection, path: str, seen: Seen) -> None:
    """Ask once, and note what came."""
    began = time.perf_counter()
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    seen.size = len(answer.read())
    seen.seconds.append(time.perf_counter() - began)
    seen.errors += answer.status != 200


def first(port: int) -> dict[str, Seen]:
    """Ask for everything once, one after the other."""
    found = {name: Seen() for name in ROUTES}
    for name, paths in ROUTES.items():
        for path in paths:
            ask(http.client.HTTPConnection("127.0.0.1", port), path, found[name])
    return found


def processor(port: int, pid: int, found: dict[str, Seen]) -> None:
    """Measure the CPU of kept answers, one address after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for name, paths in ROUTES.items():
        began = cpu_seconds(pid)
        for path in paths * REPEATS:
            ask(connection, path, Seen())
        found[name].cpu = (cpu_seconds(pid) - began) / (REPEATS * len(paths))


def together(port: int, clients: int, seconds: float) -> dict[str, Seen]:
    """Ask for everything again and again, by so many clients at a time."""
    end, names = time.monotonic() + seconds, list(ROUTES)

    def choose(generator: random.Random) -> tuple[str, str] | None:
        """Any address of any route, as long as there is time."""
        name = generator.choice(names)
        return (name, generator.choice(ROUTES[name])) if time.monotonic() < end else None

    return ask_together(port, clients, choose, THINK)


def hour(port: int, pid: int, clients: int, requests: int) -> None:
    """Ask as often as clients do in an hour, every second time something new, and print how much memory is taken."""
    names = list(ROUTES)
    for part in range(HOUR_PARTS):
        left = iter(range(part * requests // HOUR_PARTS, (part + 1) * requests // HOUR_PARTS))

        def choose(generator: random.Random, left: Iterator[int] = left) -> tuple[str, str] | None:
            """A kept answer or a new one: a prediction, a refusal, a page with an answer, or a part of the list."""
            if (number := next(left, None)) is None:
                return None
            if number % 2:
                name = generator.choice(names)
                return name, generator.choice(ROUTES[name])
            budget = f"{1e13 * (1 + number / 1e4):.6g}"
            new = (
                f"{API}/lab/prediction?flops={budget}",
                f"{API}/lab/prediction?flops=-{budget}",
                f"/sweeps/lab?flops={budget}",
                f"{API}?limit={1 + number % 1000}&offset={number // 1000}",
            )
            return "new", new[number // 2 % len(new)]

        seen = ask_together(port, clients, choose, 0.0)
        answered = sum(len(each.seconds) for each in seen.values())
        errors = sum(each.errors for name, each in seen.items() if name != "new")
        print(f"{memory(pid):.0f} MiB after {answered} more answers, {errors} errors", flush=True)


def steps_a_second(port: int, seconds: float) -> float:
    """Training steps of the runs that train all the while, per second."""
    address = f"http://127.0.0.1:{port}{API}/busy"

    def look() -> tuple[float, dict[str, int]]:
        """Now, and the step of each run in training."""
        running = httpx.get(address, timeout=60).json()["running"]
        return time.monotonic(), {each["run_id"]: each["step"] for each in running}

    began, before = look()
    time.sleep(seconds)
    ended, after = look()
    return sum(after[run] - before[run] for run in before if run in after) / (ended - began)


def train(port: int) -> None:
    """Submit the sweep that trains all the while, and wait until it does on both cores."""
    url = f"http://127.0.0.1:{port}{API}"
    submitted = httpx.post(url, content=BUSY, timeout=900)
    submitted.raise_for_status()
    while sum(each["step"] > 0 for each in httpx.get(f"{url}/busy", timeout=60).json()["running"]) < 2:
        time.sleep(1)
    time.sleep(5)


def percentile(seconds: list[float], share: float) -> str:
    """A percentile in milliseconds."""
    ordered = sorted(seconds)
    return f"{1e3 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]:.0f}" if ordered else "–"


def measure(home: Path, options: argparse.Namespace) -> None:
    """Ask a service in every way, and print what it took."""
    if options.requests:
        with served(home, trains=False) as (port, pid):
            first(port)
            print(f"{memory(pid):.0f} MiB after the first answers", flush=True)
            hour(port, pid, options.clients, options.requests)
        return
    with served(home, trains=not options.idle) as (port, pid):
        rates = []
        if not options.idle:
            train(port)
            rates.append(steps_a_second(port, options.seconds / 3))
        found = first(port)
        processor(port, pid, found)
        clients_began = time.process_time()
        sizes, kept, began, at = [memory(pid)], {name: Seen() for name in ROUTES}, all_seconds(pid), time.monotonic()
        with listening(port, options.listeners, f"{API}/{'lab' if options.idle else 'busy'}/events") as received:
            for _ in range(PARTS):
                under_load = threading.Thread(
                    target=lambda: rates.append(steps_a_second(port, options.seconds / PARTS - 1))
                )
                if not options.idle:
                    under_load.start()
                for name, seen in together(port, options.clients, options.seconds / PARTS).items():
                    kept[name].seconds += seen.seconds
                    kept[name].errors += seen.errors
                    kept[name].size = seen.size
                if not options.idle:
                    under_load.join()
                sizes.append(memory(pid))
        cores = (time.monotonic() - at) * (os.cpu_count() or 1)
        share, own = (all_seconds(pid) - began) / cores, (time.process_time() - clients_began) / cores
        if not options.idle:
            rates.append(steps_a_second(port, options.seconds / 3))
    report(found, kept, options)
    print(f"\nmemory {' → '.join(f'{each:.0f}' for each in sizes)} MiB")
    print(f"CPU of the machine: {share:.1%} the service, {own:.1%} its clients and listeners")
    print(f"{options.listeners} listeners received {min(received, default=0)} to {max(received, default=0)} bytes each")
    if rates:
        alone, loaded = (rates[0] + rates[-1]) / 2, sum(rates[1:-1]) / PARTS
        print(f"training: {alone:.1f} steps a second alone, {loaded:.1f} under load: {1 - loaded / alone:+.1%} lost")


def report(found: dict[str, Seen], kept: dict[str, Seen], options: argparse.Namespace) -> None:
    """Print the table of routes."""
    print(f"{options.clients} clients, {THINK:g} s between requests, {options.seconds:g} s, {os.cpu_count()} CPUs\n")
    print("| route | kB | first, ms | CPU, ms | p50, ms | p99, ms | n | errors |\n|---|---|---|---|---|---|---|---|")
    for name, seen in kept.items():
        cells = [
            f"{found[name].size / 1e3:.0f}",
            f"{1e3 * max(found[name].seconds):.0f}",
            f"{1e3 * found[name].cpu:.1f}",
        ]
        cells += [percentile(seen.seconds, 0.5), percentile(seen.seconds, 0.99), str(len(seen.seconds))]
        print(f"| {name} | {' | '.join(cells)} | {seen.errors + found[name].errors} |")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    for option, number in (("--clients", 50), ("--listeners", 200), ("--sweeps", 1000), ("--runs", 2000)):
        parser.add_argument(option, type=int, default=number)
    parser.add_argument("--requests", type=int, default=0, help="ask so often for much that is new; nothing trains")
    parser.add_argument("--idle", action="store_true", help="nothing trains")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help="a home that an earlier call made; it is made if it is missing")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        if not (home / "isoflop.db").exists():
            home.mkdir(exist_ok=True)
            fill(home, options.sweeps, options.runs)
        measure(home, options)


if __name__ == "__main__":
    main()
