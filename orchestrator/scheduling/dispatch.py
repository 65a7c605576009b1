"""Which waiting run starts next, and where: users in turn, the longest first, small runs side by side. Pure."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from orchestrator.attempts import Layout, Slot
from orchestrator.scheduling.fair_share import FairShare
from orchestrator.scheduling.stacks import Stacks, StackSizes
from orchestrator.scheduling.waiting import Claim, DeviceLoad, Started, Waiting


class Dispatch:
    """Runs that may start, and devices with their free shares.

    Between users the one goes first who has least for their weight. Of one user's runs the longest goes first: for one
    user, list scheduling in that order ends within 4/3 of the shortest possible time (Graham 1969, theorem 2); for
    several, as in any order, within the longest chain beyond perfect packing (theorem 1). Runs of a round that is not
    decided yet come after all others of their user. If the run whose turn
    it is fits nowhere while others would, the emptiest device that it may use is kept free for it, so that small runs
    never starve a large one; one device of a layout at a time.

    A run that starts takes others of its user's stack along, which share its worker and its shares: the longest, as
    they end with it, as far as the memory reaches, and no more than leaves the other devices their part of what waits.

    A run whose turn it is and that finds no idle worker enters a stack in training, if half of the places there are
    free, and takes others along in the same way.

    Runs of one user that need the same shares wait in one queue: a decision looks at the head of each, of which there
    are as many as shares in a device for each user, and takes time logarithmic in the number of runs that wait.
    """

    def __init__(self, stacks: StackSizes | None = None) -> None:
        """Begin with no runs and no workers; without `stacks` each worker gets one run at a time."""
        self._stacks = Stacks(stacks or StackSizes())
        self._busy = 0
        """Workers that were busy when the present round of claims began."""
        self._waiting: dict[str, tuple[int, Waiting]] = {}
        self._asked: Counter[str] = Counter()
        """Waiting runs by the kind that they ask for."""
        self._users = FairShare()
        self._queues: dict[tuple[str, str, tuple[int, ...]], list[tuple[bool, float, str, int]]] = {}
        self._devices: dict[str, DeviceLoad] = {}
        self._of_slot: dict[str, str] = {}
        self._placed: dict[str, tuple[str, str]] = {}
        """Device and user of each run that has a claim."""
        self._layouts: dict[Layout, Slot] = {}
        """A slot of each layout that was seen so far."""
        self._open: dict[Layout, dict[int, dict[str, None]]] = {}
        """Devices with an idle worker, by layout and free shares, in the order of their arrival."""
        self._kept: dict[Layout, str] = {}
        """The device of each layout that is kept free for a run."""
        self._numbers = itertools.count()

    def weigh(self, weights: Mapping[str, float]) -> None:
        """Set the weights of users; those who are not named have 1."""
        self._users.weigh(weights)

    # runs

    def __len__(self) -> int:
        """Number of runs that wait."""
        return len(self._waiting)

    def __contains__(self, run_id: str) -> bool:
        """Whether a run waits."""
        return run_id in self._waiting

    def offer(self, run: Waiting) -> None:
        """Let a run start when its turn comes; a run that is offered again takes its new place in the order."""
        known = self._waiting.get(run.run_id)
        if known is not None and known[1] == run:
            return
        number = next(self._numbers)
        self.withdraw(run.run_id)
        self._waiting[run.run_id] = number, run
        self._asked[run.kind] += 1
        self._stacks.offer(run)
        self._enqueue(number, run)

    def _enqueue(self, number: int, run: Waiting) -> None:
        """Put a run into the queue of those that need the same shares of each layout."""
        needs = tuple(run.needs(like) for like in self._layouts.values())
        heapq.heappush(self._queues.setdefault((run.user, run.kind, needs), []), (*run.order, number))

    def withdraw(self, run_id: str) -> None:
        """Remove a run: it is held, blocked or no longer queued."""
        _, run = self._waiting.pop(run_id, (0, None))
        if run is None:
            return
        self._asked[run.kind] -= 1
        self._stacks.withdraw(run)

    def asked(self) -> Counter[str]:
        """How many runs wait, by the kind of device that they ask for; empty for any."""
        return +self._asked

    def waiting(self) -> Iterator[Waiting]:
        """All runs that may start, in no particular order."""
        return (run for _, run in self._waiting.values())

    # workers

    def set_idle(self, slots: Iterable[Slot]) -> None:
        """Set which workers are ready and have nothing to do; those with a claim that was not released are not."""
        idle = {slot.name: slot for slot in slots}
        for name in [n for n in self._of_slot if n not in idle]:
            self._leave(name)
        for slot in idle.values():
            self.add_idle(slot)

    def add_idle(self, slot: Slot) -> None:
        """Add a worker that is ready and has nothing to do."""
        if slot.layout not in self._layouts:
            self._learn_layout(slot)
        device = self._devices.get(slot.device)
        if device is None:
            device = self._devices[slot.device] = DeviceLoad(slot, slot.shares)
        if slot.name not in device.idle:
            self._close(slot.device, device)
            device.idle[slot.name] = slot
            self._of_slot[slot.name] = slot.device
            self._reopen(slot.device, device)

    def _learn_layout(self, slot: Slot) -> None:
        """Prepare for a layout of device that was not seen before: all runs are queued again by their shares of it."""
        self._layouts[slot.layout] = slot
        self._open[slot.layout] = {free: {} for free in range(1, slot.shares + 1)}
        self._queues = {}
        for number, run in self._waiting.values():
            self._enqueue(number, run)

    def release(self, run_id: str, *, computed: bool = False) -> None:
        """Free the shares of a claimed run that ended or did not start; `set_idle` says when its worker is idle.

        Its result may show that the worker `computed` it with the others of its stack as one.
        """
        if run_id not in self._placed:
            return
        name, user = self._placed.pop(run_id)
        device = self._devices[name]
        self._close(name, device)
        shares = device.runs.pop(run_id)
        heir = self._stacks.leave(run_id, computed=computed)
        if heir:
            device.runs[heir] += shares  # its worker goes on with the others
        else:
            device.free += shares
            self._users.end(user, shares / device.like.shares)
        self._reopen(name, device)

    def _leave(self, worker: str) -> None:
        """Remove a worker that is no longer idle."""
        name = self._of_slot.pop(worker)
        device = self._devices[name]
        self._close(name, device)
        del device.idle[worker]
        self._reopen(name, device)

    def _close(self, name: str, device: DeviceLoad) -> None:
        """Take a device out of the open ones, before it changes."""
        if device.free:
            self._open[device.like.layout][device.free].pop(name, None)

    def _reopen(self, name: str, device: DeviceLoad) -> None:
        """Put a changed device among the open ones, unless it is kept for a run, full, or without workers and runs."""
        if not device.idle and not device.runs:
            self._stop_keeping(name, device)
            del self._devices[name]
        elif device.idle and device.free and not device.kept_for:
            self._open[device.like.layout][device.free][name] = None

    # decisions

    def claims(self) -> list[Claim]:
        """All that can start now. Each claim holds its worker and shares until `release`; a stack has one worker."""
        self._busy = self._busy_workers()
        started = [claim for claims in iter(self._next, []) for claim in claims]
        return started + [claim for claims in iter(self._enter, []) for claim in claims]

    def _busy_workers(self) -> int:
        """Workers that have runs."""
        return sum(shares > 0 for each in self._devices.values() for shares in each.runs.values())

    def _part(self, run: Waiting) -> int:
        """Runs that a worker which was just given one gets at most, so that as many are left for each of the others.

        Others are those that are at work, and those that could be with runs like it.
        """
        free = sum(min(len(each.idle), each.free // run.needs(each.like)) for each in self._devices.values())
        return -(-(len(self._waiting) + 1) // (self._busy + 1 + free))

    def _next(self) -> list[Claim]:
        """The next claims: of a run for which a device was kept free, else of the longest run that fits somewhere."""
        for name in list(self._kept.values()):
            claim = self._use_kept(name, self._devices[name])
            if claim is not None:
                return self._with_mates(claim)
        if not any(devices for free in self._open.values() for devices in free.values()):
            return []
        for run in self._heads():
            fits = self._best_fit(run)
            if fits is not None:
                return self._with_mates(self._start(run, fits, self._devices[fits]))
            self._keep_for(run)
        return []

    def _with_mates(self, started: Started) -> list[Claim]:
        """The claim of a run, and those of runs of its stack that start with it in the same worker."""
        stack = self._stacks.begin(started, self._part(started.run))
        first, *others = stack.runs
        for run_id in others:
            self._join(run_id, stack.device)
        share = stack.share / len(stack.runs)
        return [Claim(run_id, stack.worker, share, of_device=stack.share) for run_id in (first, *others)]

    def _enter(self) -> list[Claim]:
        """The claims of the run whose turn it is, if it can enter a stack in training, and of others with it."""
        run = next(iter(self._heads()), None) if self._stacks.any_open else None
        if run is None:
            return []
        claims = self._stacks.enter(run, -(-len(self._waiting) // max(self._busy_workers(), 1)))
        for claim in claims:
            self._join(claim.run_id, self._placed[claim.enters[0]][0])
        return claims

    def _join(self, run_id: str, device: str) -> None:
        """Place a waiting run in the stack of others, whose shares of the device it has with them."""
        user = self._waiting[run_id][1].user
        self.withdraw(run_id)
        self._devices[device].runs[run_id], self._placed[run_id] = 0, (device, user)

    def _heads(self) -> list[Waiting]:
        """The first run of each queue: by what its user has already, then the longest first, and last those `later`."""
        heads = []
        for key, queue in list(self._queues.items()):
            while queue and self._waiting.get(queue[0][2], (None, None))[0] != queue[0][3]:
                heapq.heappop(queue)
            if queue:
                heads.append(queue[0])
            else:
                del self._queues[key]
        runs = [self._waiting[run_id][1] for *_, run_id, _ in sorted(heads)]
        return sorted(runs, key=lambda run: self._users.rank(run.user))

    def _usable(self, run: Waiting) -> Iterator[Slot]:
        """A slot of each layout that the run may use."""
        return (like for like in self._layouts.values() if like.has(run.kind))

    def _best_fit(self, run: Waiting) -> str | None:
        """The fullest open device that has room for the run, of the first layout that has one."""
        for like in self._usable(run):
            fullest = self._find(like, range(run.needs(like), like.shares + 1))
            if fullest is not None:
                return fullest
        return None

    def _find(self, like: Slot, order: range) -> str | None:
        """The open device of a layout whose number of free shares comes first in `order`."""
        return next((name for free in order for name in self._open[like.layout][free]), None)

    def _keep_for(self, run: Waiting) -> None:
        """Keep the emptiest open device for a run that fits nowhere, if none of its layout is kept already."""
        if any(self._devices[name].kept_for == run.run_id for name in self._kept.values()):
            return
        for like in self._usable(run):
            emptiest = self._find(like, range(like.shares, 0, -1))
            if emptiest is not None and like.layout not in self._kept:
                self._close(emptiest, self._devices[emptiest])
                self._devices[emptiest].kept_for, self._kept[like.layout] = run.run_id, emptiest
                return

    def _use_kept(self, name: str, device: DeviceLoad) -> Started | None:
        """Start the run for which a device is kept, if it has room by now; release the device if the run is gone."""
        _, run = self._waiting.get(device.kept_for, (0, None))
        if run is None:
            self._stop_keeping(name, device)
            self._reopen(name, device)
        elif device.idle and device.free >= run.needs(device.like):
            return self._start(run, name, device)
        return None

    def _stop_keeping(self, name: str, device: DeviceLoad) -> None:
        """No longer keep a device free."""
        if device.kept_for:
            device.kept_for = ""
            del self._kept[device.like.layout]

    def _start(self, run: Waiting, name: str, device: DeviceLoad) -> Started:
        """Give a run its shares of a device and one of the idle workers on it."""
        self._close(name, device)
        if device.kept_for == run.run_id:
            self._stop_keeping(name, device)
        self.withdraw(run.run_id)
        worker, slot = next(iter(device.idle.items()))
        del device.idle[worker], self._of_slot[worker]
        shares = run.needs(slot)
        device.runs[run.run_id], device.free = shares, device.free - shares
        self._placed[run.run_id] = name, run.user
        self._users.start(run.user, shares / slot.shares)
        self._reopen(name, device)
        return Started(Claim(run.run_id, worker, shares / slot.shares), run, slot)
