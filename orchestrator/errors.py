"""What every kind of expected error means: its exit code, its HTTP status, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tokenizer.errors import ExpectedError

OK: Final = 0
INCOMPLETE: Final = 1
"""The sweep ended incomplete, no law could be fitted, or the machine could not do it now."""
USAGE: Final = 2
"""Bad usage, a bad sweep file or a bad table."""
NOT_FOUND: Final = 3
UNREACHABLE: Final = 4
"""A service does not answer."""
INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one kind of error means."""

    exit_code: int
    """Exit code of the command line."""
    status: int
    """HTTP status of the REST interface."""
    meaning: str
    """What happened, in one sentence."""
    remedy: str
    """What to do, in one sentence."""


MEANINGS: Final[Mapping[str, Meaning]] = {
    "account": Meaning(
        USAGE,
        422,
        "An account, a group or a token cannot be made or changed as asked.",
        "Do what the message proposes.",
    ),
    "artifacts-away": Meaning(
        INCOMPLETE,
        503,
        "The artifact store does not answer.",
        "Ask again; if that does not help, check ISOFLOP_ARTIFACTS_URL and its credentials.",
    ),
    "bind": Meaning(USAGE, 422, "The service may not listen on that address.", "Set a token, or listen on loopback."),
    "board": Meaning(
        USAGE,
        409,
        "A leaderboard cannot be opened, entered, closed or decided as asked; nothing was stored.",
        "Do what the message proposes; isoflop board show has the board's conditions.",
    ),
    "busy": Meaning(
        INCOMPLETE,
        409,
        "Another process schedules the runs of this home.",
        "Wait for it, end it, or submit to it with ISOFLOP_URL.",
    ),
    "calibration": Meaning(
        INCOMPLETE, 503, "This machine's speed could not be measured.", "See the message; run isoflop doctor."
    ),
    "ceiling": Meaning(
        INCOMPLETE,
        409,
        "The submission would exceed a ceiling of FLOPs or device-seconds; nothing was stored.",
        "Make the sweep smaller, or raise its limits or the user's ceiling.",
    ),
    "checkpoint": Meaning(
        INCOMPLETE, 500, "A checkpoint is missing, torn or altered.", "Train its run again with --rerun."
    ),
    "cluster": Meaning(
        INCOMPLETE, 503, "Ray cannot be started or reached.", "Check ISOFLOP_RAY_ADDRESS; run isoflop doctor."
    ),
    "computation": Meaning(
        INCOMPLETE,
        503,
        "A law or a chart was not computed: it took too long, or its process was ended.",
        "Ask again; for a large sweep use the command line.",
    ),
    "conflict": Meaning(
        INCOMPLETE,
        409,
        "The run moved on since this attempt began; its report was refused.",
        "Nothing: the run continues.",
    ),
    "corpus": Meaning(
        USAGE,
        422,
        "The corpus cannot be read, or is too small to split.",
        "Correct the corpus section of the sweep file, or the file that the message names.",
    ),
    "damaged": Meaning(
        INCOMPLETE,
        503,
        "The database's file is damaged; nothing is answered from it.",
        "Move it aside and put a backup in its place; isoflop db backup makes them.",
    ),
    "data": Meaning(
        USAGE, 422, "The dataset does not fit the run that reads it.", "Plan the sweep again on this dataset."
    ),
    "database": Meaning(
        INCOMPLETE, 503, "The database cannot do what was asked.", "See the message; check ISOFLOP_DATABASE_URL."
    ),
    "database-away": Meaning(
        INCOMPLETE,
        503,
        "The database is locked, full or unreachable at the moment; what was asked was not done.",
        "Ask again; if that does not help, check the disk and ISOFLOP_DATABASE_URL.",
    ),
    "dataset": Meaning(
        INCOMPLETE,
        500,
        "A dataset folder is missing, torn or altered.",
        "Delete the folder that the message names: the next plan builds it again.",
    ),
    "diverged": Meaning(
        INCOMPLETE,
        409,
        "A run's loss is not finite, or far above a uniform guess or its own best without falling.",
        "Lower its learning rate, or leave the run out.",
    ),
    "export": Meaning(
        USAGE,
        422,
        "A model or an answer cannot be written for another program.",
        "Do what the message proposes, such as another program or a new folder.",
    ),
    "folder": Meaning(
        USAGE,
        422,
        "A folder or file of this process cannot be used, or is open to other users of the machine.",
        "Do what the message proposes, such as another TMPDIR.",
    ),
    "forbidden": Meaning(
        USAGE,
        403,
        "This user may not do that: the role is too low, or the sweep is somebody else's.",
        "Ask the sweep's owner or an admin, or submit under another name.",
    ),
    "foreign-module": Meaning(
        INCOMPLETE,
        500,
        "A file of yours hides one of isoflop's modules.",
        "Rename the file that the message names, or take its folder off PYTHONPATH.",
    ),
    "head-lost": Meaning(
        INCOMPLETE,
        503,
        "Ray is gone: its head does not answer, or a Ray of isoflop's own ended again and again.",
        "Do what the message proposes, then type the command again.",
    ),
    "home": Meaning(
        USAGE, 422, "The folder of isoflop's state cannot be used.", "Set ISOFLOP_HOME to a folder you may write."
    ),
    "incomparable": Meaning(
        INCOMPLETE,
        409,
        "Two laws cannot be compared: their losses mean different things or do not overlap.",
        "Compare sweeps on the same validation text whose losses overlap.",
    ),
    "invalid-plan": Meaning(
        USAGE,
        422,
        "The sweep cannot be planned, or exceeds one of its limits.",
        "Change the key of the sweep that the message names.",
    ),
    "invalid-question": Meaning(
        USAGE, 422, "The question has no meaning.", "Ask with the combination of options that the message names."
    ),
    "invalid-run": Meaning(
        USAGE, 422, "A run's settings contradict each other.", "Change the value that the message names."
    ),
    "invalid-sweep": Meaning(USAGE, 422, "The sweep file has mistakes.", "Correct each place that the message names."),
    "lease-lost": Meaning(
        INCOMPLETE,
        409,
        "Another scheduler has taken over this database, so this one stopped.",
        "Nothing; stop the other one if you did not mean to start it.",
    ),
    "native": Meaning(
        INCOMPLETE,
        500,
        "The C++ kernels of small models could not be built or loaded.",
        "Install g++; without the kernels, training is slower.",
    ),
    "no-law": Meaning(
        INCOMPLETE,
        409,
        "The runs give no law.",
        "Do what the message proposes: more budgets, or more sizes.",
    ),
    "not-found": Meaning(NOT_FOUND, 404, "There is no such sweep, run or project.", "List them with isoflop ls."),
    "output": Meaning(
        INCOMPLETE,
        500,
        "The result could not be written to standard output, which is closed or full.",
        "Open it, make room, or write to a file.",
    ),
    "out-of-reach": Meaning(
        USAGE,
        422,
        "The law has no answer so far from its runs: the answer would be impossible or unknown.",
        "Ask within the limits that the message names, or run budgets nearer to the question.",
    ),
    "port": Meaning(
        USAGE, 503, "The service cannot listen at that port.", "Choose another with --port; 0 takes a free one."
    ),
    "preparing": Meaning(
        INCOMPLETE,
        503,
        "Another process prepares a corpus in this home, for longer than this one waits.",
        "Wait for the process that the message names, or end it.",
    ),
    "quota": Meaning(
        INCOMPLETE,
        409,
        "A user or a group would exceed its quota of FLOPs, device-seconds or sweeps; nothing was stored.",
        "Wait until a sweep has ended, cancel one, make this one smaller, or ask an admin for a larger quota.",
    ),
    "recipe": Meaning(
        USAGE, 422, "The recipe cannot give what was asked of it.", "Correct the recipe, or the value that is named."
    ),
    "refused": Meaning(USAGE, 422, "The service refused.", "The message is the service's own."),
    "sample": Meaning(
        USAGE,
        422,
        "That run has no trained model, or no text can be sampled from it.",
        "Name a finished run whose checkpoint is kept.",
    ),
    "settings": Meaning(
        USAGE,
        422,
        "An ISOFLOP_* variable, or a combination of them, is invalid.",
        "Change the variable that the message names.",
    ),
    "state": Meaning(
        USAGE, 409, "The sweep's state does not allow this.", "Do what the message proposes, such as retry."
    ),
    "table": Meaning(USAGE, 422, "The table of runs cannot be read.", "Correct the file, or name its columns."),
    "tokenizer": Meaning(
        USAGE, 422, "The tokenizer cannot be trained or read.", "Correct the tokenizer section of the sweep file."
    ),
    "too-many": Meaning(
        INCOMPLETE,
        429,
        "As many plans or computations wait for one user as a service takes.",
        "Wait until one has ended, and ask again.",
    ),
    "unreachable": Meaning(
        UNREACHABLE, 503, "A service does not answer.", "Start it, or correct its address (ISOFLOP_URL)."
    ),
    "wandb": Meaning(USAGE, 422, "The wandb project cannot be read.", "Check its name, the key and the column names."),
}
"""By kind, in alphabetical order."""


class NotFound(ExpectedError, LookupError):
    """There is no such sweep or run."""

    kind = "not-found"


class ArtifactsAway(ExpectedError, RuntimeError):
    """The artifact store did not answer, however often it was asked; what was asked may not have been done."""

    kind = "artifacts-away"


def meaning_of(error: ExpectedError) -> Meaning:
    """What an expected error means."""
    return MEANINGS[error.kind]


def exit_code_of(error: BaseException) -> int | None:
    """The command line's exit code for an error; None for a defect, which keeps its traceback."""
    if isinstance(error, ExpectedError):
        return meaning_of(error).exit_code
    return USAGE if isinstance(error, OSError) else None
