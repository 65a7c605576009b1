"""What a service knows of its sweeps: read from the database once after each change, and shared by all requests."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

from orchestrator.attempts import RunProgress
from orchestrator.scheduling.progress import OpenRun, Progress, open_runs, progress_at
from orchestrator.settings import choose_device, device_count
from orchestrator.store import SweepTotals, Unavailable
from orchestrator.use_cases.answering import Answering, handle
from orchestrator.use_cases.fresh import Fresh
from orchestrator.use_cases.sweep_answers import SweepAnswers
from orchestrator.use_cases.workspace import Workspace

SWEEPS_READ = 16
"""Sweeps whose runs are kept in memory with their laws."""
SWEEPS_OPEN = 4096
"""Unfinished sweeps of which is kept what their progress needs."""
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Listing:
    """All sweeps at a moment."""

    sweeps: tuple[SweepTotals, ...]
    """All revisions, the latest submission first."""
    key: str
    """Hash that changes with any of them."""
    settled: bool
    """Whether all runs of all sweeps have ended."""
    requests: int
    """How often users had asked for something: without that, no run that has ended moves again."""


@dataclass(slots=True)
class _Reading:
    """What was read since the last change; those who still hold an earlier one write into that."""

    stamp: Hashable = None
    """The database's stamp, taken before anything was read."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held by whoever reads the list: the others wait for it instead of reading it, too."""
    listed: Listing | None = None
    """All sweeps; None as long as nobody has asked."""
    named: dict[str, SweepTotals] = field(default_factory=dict)
    """Sweeps by what they were called in a request."""


@dataclass(slots=True)
class _Entry(Generic[Value]):
    """A value that one thread makes."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held by who makes it."""
    made: list[Value] = field(default_factory=list)
    """The value; empty before it is made."""


class _Latest(Generic[Value]):
    """The latest values by key, each made once."""

    def __init__(self, most: int) -> None:
        """Keep this many."""
        self._most = most
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[Value]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made if it is not there; who asks for another key does not wait for it."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
        with entry.lock:
            if not entry.made:
                entry.made.append(make())
            return entry.made[0]


class Current:
    """The sweeps of a workspace as they are now. All methods may be called by several threads."""

    def __init__(self, workspace: Workspace) -> None:
        """Nothing is read before it is asked for."""
        self.workspace = workspace
        """The home that is read."""
        self._answering = Answering(workspace)
        self._reading = Fresh(self._read, Unavailable)
        self._last: Listing | None = None
        self._answers: _Latest[SweepAnswers] = _Latest(SWEEPS_READ)
        self._open: _Latest[tuple[OpenRun, ...]] = _Latest(SWEEPS_OPEN)

    @property
    def age(self) -> float:
        """Seconds since what is known was true for certain: 0 while the database answers."""
        return self._reading.age

    def warm(self) -> None:
        """Find out ahead what never changes, and read the list."""
        _ = self._devices
        self.listed()

    def listed(self) -> Listing:
        """All revisions of all sweeps, the latest submission first."""
        reading = self._reading.get()
        with reading.lock:
            if reading.listed is None:
                try:
                    reading.listed = self._asked(self._list)
                except Unavailable:
                    if self._last is None:
                        raise
                    return self._last
            return reading.listed

    def _list(self) -> Listing:
        """The list: all of it after a user's request, else those sweeps again that move by themselves."""
        store, last = self.workspace.store, self._last
        requests = store.requests()
        if last is None or last.requests != requests:
            found = store.totals()
        else:
            moving = [each.sweep.id for each in last.sweeps if not each.settled or each.sweep.note]
            again = store.totals(moving) if moving else {}
            found = {each.sweep.id: again.get(each.sweep.id, each) for each in last.sweeps}
        sweeps = tuple(found.values())
        key = hashlib.sha256("".join(each.key for each in sweeps).encode()).hexdigest()
        self._last = Listing(sweeps, key, all(each.settled for each in sweeps), requests)
        return self._last

    def sweep(self, name: str) -> SweepTotals:
        """The sweep of this name, or of `name@revision`. Raises NotFound."""
        reading = self._reading.get()
        found = reading.named.get(name)
        if found is None:
            try:
                found = reading.named[name] = self._asked(lambda: self._find(name))
            except Unavailable:
                found = self._listed_last(name)
                if found is None:
                    raise
        return found

    def _listed_last(self, name: str) -> SweepTotals | None:
        """A sweep as the list had it last."""
        sweeps = self._last.sweeps if self._last else ()
        return next((e for e in sweeps if name in (e.sweep.name, f"{e.sweep.name}@{e.sweep.revision}")), None)

    def _find(self, name: str) -> SweepTotals:
        """`sweep`, from the database."""
        sweep = self._answering.sweep(name)
        return self.workspace.store.totals([sweep.id])[sweep.id]

    def handle(self, found: SweepTotals) -> str:
        """What a user types for a revision: the bare name for the latest one, `name@revision` for the others."""
        return handle(found.sweep, self.sweep(found.sweep.name).sweep)

    def answers(self, found: SweepTotals) -> SweepAnswers:
        """What a sweep's runs answer in this state; they are read once, and each law is fitted once."""
        return self._answers.get(
            (found.sweep.id, found.key), lambda: self._asked(lambda: self._answering.of_record(found.sweep))
        )

    def progress(self, found: SweepTotals, live: Mapping[str, RunProgress]) -> Progress:
        """How far a sweep is; `live` says how far each run in training is, by its id."""
        left = () if found.settled else self._left(found)
        return progress_at(found.totals, left, live, self._devices, found.sweep)

    def _left(self, found: SweepTotals) -> tuple[OpenRun, ...]:
        """The runs of a sweep that have not ended."""
        key = (found.sweep.id, found.key)
        return self._open.get(key, lambda: open_runs(self._asked(lambda: self.workspace.store.runs_of(found.sweep.id))))

    def _read(self, earlier: _Reading | None) -> _Reading:
        """What was read since the last change. Raises Unavailable."""
        stamp = self.workspace.store.stamp()
        return earlier if earlier is not None and earlier.stamp == stamp else _Reading(stamp)

    def _asked(self, read: Callable[[], Value]) -> Value:
        """What the database answers. Raises Unavailable: at once if it is known to be away, whoever found out."""
        self._reading.check()
        try:
            return read()
        except Unavailable as error:
            self._reading.failed(error)
            raise

    @cached_property
    def _devices(self) -> int:
        """Devices that train at a time."""
        return device_count(self.workspace.settings, choose_device("auto"))
