"""A simulated cluster on a virtual clock under the real dispatch: its makespan over a lower bound, and that of FIFO.

    python -m benchmarks.simulated_cluster [--gpus 1000] [--runs 20000] [--longest 0.5]

The workload is drawn from a seed: runs of 1 to 80 GiB whose seconds grow with their memory, a fifth of them in chains
of two to four in which each waits for the one before. `--longest` limits the longest chain, as a share of total ÷ GPUs.
With 20 runs per GPU the mean run already takes 5 % of that (more where runs share a GPU), and only equal runs could
stay below 5 %; so the limit of 5 % is shown with 400 runs per GPU.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.attempts import Slot
from orchestrator.scheduling.dispatch import Dispatch
from orchestrator.scheduling.waiting import Waiting

GIB = 2**30
"""Bytes of a GiB."""
SHARES = 4
"""Workers per GPU."""
GPU_MEMORY = 80 * GIB
"""Bytes of a GPU's memory."""
IN_CHAINS = 0.08
"""Share of draws that are chains: a fifth of all runs belong to one."""
DECISION_GPUS = 100
"""GPUs with which the time of a decision is measured: fewer than runs, so that some always wait."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run of the workload."""

    run_id: str
    """Its id."""
    seconds: float
    """Its duration."""
    memory: int
    """Bytes of a GPU's memory that it needs."""
    chain: float
    """Seconds of it and of the runs that wait for it, one after the other."""
    after: str = ""
    """The run that must end before it; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """The result of a simulation."""

    makespan: float
    """Virtual seconds from the first start to the last end."""
    bound: float
    """max(GPU-seconds ÷ GPUs, longest chain): no order can end sooner."""
    decisions: list[float]
    """Processor seconds of the dispatch at the end of each run."""


def gpu_slots(gpus: int) -> list[Slot]:
    """The workers of a cluster of equal GPUs."""
    return [Slot(f"gpu{i}/{j}", f"gpu{i}", "GPU", SHARES, GPU_MEMORY) for i in range(gpus) for j in range(SHARES)]


def share_of(memory: int) -> float:
    """Share of a GPU that a run takes."""
    return gpu_slots(1)[0].needs(memory) / SHARES


def workload(runs: int, gpus: int, longest: float, seed: int = 0) -> list[Job]:
    """Runs in the order of their submission; the longest chain takes at most `longest` × total ÷ GPUs.

    Raises ValueError where that is impossible with this number of runs.
    """
    draw = random.Random(seed)
    chains: list[list[tuple[float, int]]] = []
    left = runs
    while left:
        length = min(left, draw.choice((2, 3, 4)) if draw.random() < IN_CHAINS else 1)
        memory = int(GIB * min(79.0, draw.lognormvariate(2.0, 1.0)))
        chains.append([((memory / GIB) ** 0.7 * draw.lognormvariate(0.0, 0.5), memory) for _ in range(length)])
        left -= length
    return _jobs(_capped(chains, longest / gpus))


def _capped(chains: list[list[tuple[float, int]]], longest: float) -> list[list[tuple[float, int]]]:
    """Shorten chains until none is longer than `longest` × all GPU-seconds, which shrink with them."""
    for _ in range(100):
        limit = longest * sum(seconds * share_of(memory) for chain in chains for seconds, memory in chain)
        factors = [min(1.0, limit / sum(seconds for seconds, _ in chain)) for chain in chains]
        if min(factors) > 1 - 1e-9:
            return chains
        chains = [[(f * s * (1 - 1e-10), m) for s, m in chain] for f, chain in zip(factors, chains, strict=True)]
    raise ValueError(f"{sum(map(len, chains))} runs cannot all be that short: take more runs or a larger --longest")


def _jobs(chains: list[list[tuple[float, int]]]) -> list[Job]:
    """The runs of all chains."""
    jobs = []
    for i, chain in enumerate(chains):
        for j, (seconds, memory) in enumerate(chain):
            after = f"{i}.{j - 1}" if j else ""
            jobs.append(Job(f"{i}.{j}", seconds, memory, sum(s for s, _ in chain[j:]), after))
    return jobs


def simulate(jobs: list[Job], gpus: int, cost: Callable[[int, Job], float]) -> Simulated:
    """Run all jobs on a virtual clock; dispatch sorts by `cost` of (number of the submission, job)."""
    dispatch, slots = Dispatch(), {slot.name: slot for slot in gpu_slots(gpus)}
    by_id = {job.run_id: job for job in jobs}
    offers = {job.run_id: Waiting(job.run_id, cost(i, job), job.memory) for i, job in enumerate(jobs)}
    followers: dict[str, list[str]] = {}
    for job in jobs:
        if job.after:
            followers.setdefault(job.after, []).append(job.run_id)
        else:
            dispatch.offer(offers[job.run_id])
    dispatch.set_idle(slots.values())
    now, decisions, started = 0.0, [], 0
    ends: list[tuple[float, str, str]] = []
    claims = dispatch.claims()
    while claims or ends:
        for claim in claims:
            heapq.heappush(ends, (now + by_id[claim.run_id].seconds, claim.run_id, claim.worker))
        started += len(claims)
        now, run_id, worker = heapq.heappop(ends)
        began = time.thread_time()
        dispatch.release(run_id)
        dispatch.add_idle(slots[worker])
        for follower in followers.get(run_id, ()):
            dispatch.offer(offers[follower])
        claims = dispatch.claims()
        decisions.append(time.thread_time() - began)
    if started != len(jobs):
        raise RuntimeError(f"{len(jobs) - started} runs never started")
    return Simulated(now, bound(jobs, gpus), decisions)


def bound(jobs: list[Job], gpus: int) -> float:
    """max(GPU-seconds ÷ GPUs, longest chain)."""
    return max([sum(job.seconds * share_of(job.memory) for job in jobs) / gpus, *(job.chain for job in jobs)])


def longest_first(_number: int, job: Job) -> float:
    """The scheduler's order: by the seconds of the chain that begins with the run."""
    return job.chain


def first_come(number: int, _job: Job) -> float:
    """FIFO, with the same placement."""
    return -number


def show_makespans(runs: int, gpus: int, longest: float) -> None:
    """Print the makespan over the lower bound for both orders."""
    jobs = workload(runs, gpus, longest)
    chain = max(job.chain for job in jobs) / (sum(job.seconds * share_of(job.memory) for job in jobs) / gpus)
    print(f"{runs:,} runs on {gpus:,} GPUs of {SHARES} shares; longest chain {chain:.1%} of total / GPUs")
    for name, cost in (("longest first", longest_first), ("FIFO", first_come)):
        outcome = simulate(jobs, gpus, cost)
        print(f"  {name:14} makespan / max(total / GPUs, longest chain) = {outcome.makespan / outcome.bound:.4f}")


def show_decisions() -> None:
    """Print the time of a decision, by number of runs."""
    print(f"decision time an event, {DECISION_GPUS} GPUs:")
    for runs in (2_000, 20_000, 200_000):
        decisions = simulate(workload(runs, DECISION_GPUS, 1.0), DECISION_GPUS, longest_first).decisions
        mean, median = statistics.mean(decisions), statistics.median(decisions)
        print(f"  {runs:7,} runs: mean {mean * 1e6:5.1f} µs, median {median * 1e6:5.1f} µs")


def main() -> None:
    """Print makespans and decision times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--longest", type=float, default=0.5, help="longest chain as a share of total / GPUs")
    options = parser.parse_args()
    show_makespans(options.runs, options.gpus, options.longest)
    show_makespans(20 * options.runs, options.gpus, 0.05)
    show_decisions()


if __name__ == "__main__":
    main()
