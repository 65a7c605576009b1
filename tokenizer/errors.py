"""The base class of every error that an input, a setting or the machine can cause. Imports nothing."""

from __future__ import annotations


class ExpectedError(Exception):
    """Something that a user can run into and mend: the message says where it is and what to do.

    Anything else that is raised is a defect of isoflop and keeps its traceback. What a `kind` means, its exit code and
    its HTTP status stand in one table, `orchestrator/errors.py`.
    """

    kind: str
    """Name of the kind for machines, such as `not-found`."""
    field: str = ""
    """What of a form it is about; empty where that is not known."""
