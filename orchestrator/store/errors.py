"""Why a database cannot do what was asked."""

from __future__ import annotations

from tokenizer.errors import ExpectedError


class StoreError(ExpectedError, RuntimeError):
    """The database cannot do what was asked; the message says why."""

    kind = "database"


class Unavailable(StoreError):
    """The database is locked, full or out of reach; the request was not carried out and may be repeated."""

    kind = "database-away"


class Damaged(StoreError):
    """The database's file is damaged: nothing is answered from it."""

    kind = "damaged"

    def __init__(self, file: object, reason: str) -> None:
        """The `file` is damaged, as `reason` says."""
        super().__init__(
            f"the database {file} is damaged: {reason}. Move it and the files {file}-* aside, and put a backup in its "
            "place (isoflop db backup makes them); without one, an empty home trains the sweeps again"
        )


class Rejected(StoreError):
    """The database cannot hold a value; nothing was stored."""


class StaleAttempt(StoreError):
    """The run has moved on since this attempt began; its report is refused."""

    kind = "conflict"


class LeaseHeld(StoreError):
    """Another scheduler works on this database."""

    kind = "busy"


class LeaseLost(StoreError):
    """Another scheduler has taken over this database; the one that gets this error must stop writing."""

    kind = "lease-lost"


class CeilingExceeded(StoreError):
    """A submission would exceed a ceiling of FLOPs or device-seconds; nothing of it was stored."""

    kind = "ceiling"

    def __init__(self, message: str, *, of_sweep: bool = False) -> None:
        """A ceiling is exceeded as the `message` says: the sweep's own (`of_sweep`), else its user's or a group's."""
        super().__init__(message)
        self._of_sweep = of_sweep

    @property
    def reason(self) -> str:
        """Why a sweep waits, for all who may read it: what its owner has used elsewhere is not theirs to see."""
        return str(self) if self._of_sweep else f"a {self.kind} of its owner is reached"


class QuotaReached(CeilingExceeded):
    """A user or a group would exceed its quota; nothing was stored."""

    kind = "quota"
