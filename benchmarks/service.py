"""What a service takes and gives under load: latency, CPU and size of each route, and what training loses by it.

    python -m benchmarks.service [--seconds 60] [--clients 50] [--listeners 200] [--sweeps 1000] [--runs 2000] [--idle]

Makes a home with a finished sweep, a large one and many small ones, and starts `isoflop serve` on it, which trains a
sweep on both cores. Then it asks over loopback: for everything once (`first`), one by one for what is kept (`CPU`, of
the service and its processes, which other programs on the machine do not change), and by all clients together, with a
pause of half a second between two requests of each, while listeners follow the sweep that trains. The clients are
threads of this process, which gives way to everything else. With `--idle` nothing trains.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from benchmarks.service_home import fill

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
PARTS = 4
"""Parts of the load after which memory is read."""


@dataclass
class Seen:
    """What clients saw of one route."""

    seconds: list[float] = field(default_factory=list)
    """Seconds of each answer."""
    errors: int = 0
    """Answers that were no success."""
    size: int = 0
    """Bytes of the last answer as it travelled."""
    cpu: float = 0.0
    """Seconds of CPU of one kept answer."""


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
    from orchestrator.use_cases.workshop import Workshop

    config = uvicorn.Config(create_app(workspace(folder), workshop=Workshop()), log_level="error", port=0)
    bound = config.bind_socket()
    print(f"127.0.0.1:{bound.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[bound])


def own_processes(pid: int) -> list[psutil.Process]:
    """The service and those that compute for it, without Ray and its workers."""
    service = psutil.Process(pid)
    return [service, *(each for each in service.children() if "multiprocessing" in " ".join(each.cmdline()))]


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a service has taken so far, its threads counted by the nanosecond."""
    schedules = (f for p in own_processes(pid) for f in Path(f"/proc/{p.pid}/task").glob("*/schedstat"))
    return sum(int(file.read_text().split()[0]) for file in schedules) / 1e9


def memory(pid: int) -> float:
    """Resident memory of a service, MiB."""
    return float(sum(each.memory_info().rss for each in own_processes(pid)) / 2**20)


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
    found = {name: Seen() for name in ROUTES}
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        """One client."""
        generator, connection = random.Random(number), http.client.HTTPConnection("127.0.0.1", port)
        time.sleep(generator.random() * THINK)
        while time.monotonic() < end:
            name = generator.choice(list(ROUTES))
            ask(connection, generator.choice(ROUTES[name]), found[name])
            time.sleep(generator.expovariate(1 / THINK))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@contextmanager
def listening(port: int, count: int, sweep: str) -> Iterator[list[int]]:
    """So many listeners of a sweep's events; the bytes that each has received so far."""
    opened = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(count)]
    received, stopped = [0] * count, threading.Event()
    for each in opened:
        each.request("GET", f"{API}/{sweep}/events")
    places = {each.sock.fileno(): (number, each.sock) for number, each in enumerate(opened)}

    def read() -> None:
        """Read from whoever has something."""
        while not stopped.is_set():
            ready, _, _ = select.select(list(places), [], [], 0.2)
            for number, connection in (places[each] for each in ready):
                received[number] += len(connection.recv(1 << 16))

    reader = threading.Thread(target=read)
    reader.start()
    yield received
    stopped.set()
    reader.join()
    for each in opened:
        each.close()


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
    with served(home, trains=not options.idle) as (port, pid):
        rates = []
        if not options.idle:
            train(port)
            rates.append(steps_a_second(port, options.seconds / 2))
        found = first(port)
        processor(port, pid, found)
        sizes, kept, began, at = [memory(pid)], {name: Seen() for name in ROUTES}, cpu_seconds(pid), time.monotonic()
        with listening(port, options.listeners, "lab" if options.idle else "busy") as received:
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
        share = (cpu_seconds(pid) - began) / (time.monotonic() - at) / (os.cpu_count() or 1)
        if not options.idle:
            rates.append(steps_a_second(port, options.seconds / 2))
    report(found, kept, options)
    print(f"\nmemory {' → '.join(f'{each:.0f}' for each in sizes)} MiB; CPU of the service {share:.1%} of the machine")
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
    parser.add_argument("--idle", action="store_true", help="nothing trains")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help="a home that an earlier call made; it is made if it is missing")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    os.nice(10)
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        if not (home / "isoflop.db").exists():
            home.mkdir(exist_ok=True)
            fill(home, options.sweeps, options.runs)
        measure(home, options)


if __name__ == "__main__":
    main()
