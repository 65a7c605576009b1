"""Where state is kept: one folder for the database, artifacts, event logs, reports and locks."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from orchestrator.environment import shown, variable
from tokenizer.errors import ExpectedError
from tokenizer.private import FOLDER_MODE

LOCAL_FOLDER = ".isoflop"
"""State folder of a project, if the current folder has one."""

PRIVATE_UMASK = 0o077
"""Permissions that no new file of a home gets."""


class HomeError(ExpectedError, ValueError):
    """The state folder cannot be used; the message names the setting that chooses another."""

    kind = "home"


@dataclass(frozen=True, slots=True)
class Home:
    """The state folder, and what is where inside it."""

    root: Path
    """Absolute path of the folder."""
    reason: str
    """Why this folder was chosen, for the line that every verb prints."""

    @property
    def database(self) -> Path:
        """SQLite file of the default database."""
        return self.root / "isoflop.db"

    @property
    def artifacts(self) -> Path:
        """Tokenised corpora, a folder for each content hash."""
        return self.root / "artifacts"

    @property
    def runs(self) -> Path:
        """Event logs and checkpoints, a folder for each run."""
        return self.root / "runs"

    @property
    def reports(self) -> Path:
        """Reports, a folder for each sweep."""
        return self.root / "reports"

    @property
    def recipes(self) -> Path:
        """Recipes that sweeps have found, a file for each; made when there is one."""
        return self.root / "recipes"

    @property
    def wandb(self) -> Path:
        """Folder of the wandb mirror's files."""
        return self.root / "wandb"

    @property
    def lock(self) -> Path:
        """File that the one scheduler of this folder keeps locked."""
        return self.root / "scheduler.lock"

    @property
    def ray_token(self) -> Path:
        """File with the secret of the Ray that a scheduler of this folder starts."""
        return self.root / "ray-token"

    @property
    def writable(self) -> bool:
        """Whether this user may change the home, or make it where there is none."""
        place = next(p for p in (self.root, *self.root.parents) if p.exists())
        return os.access(place, os.W_OK | os.X_OK)

    def create(self) -> Home:
        """Make the folder and those inside it, for this user alone, and return it.

        Raises HomeError if they cannot be made.
        """
        try:
            self.root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            for folder in (self.artifacts, self.runs, self.reports, self.wandb):
                folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        except OSError as error:
            raise HomeError(f"the state folder {self.root} cannot be used ({error}); set ISOFLOP_HOME") from error
        return self

    def close_to_others(self) -> list[str]:
        """Take the home from the other users of the machine, and let this process make only private files.

        Returns a line for a person about each permission that was taken away. A folder of another owner stays as it
        is: it was given to this user by whoever decides who else may use it.
        """
        os.umask(PRIVATE_UMASK)
        notes = []
        for path in (self.root, self.artifacts, self.runs, self.reports, self.wandb, self.database, self.lock):
            with contextlib.suppress(OSError):
                found = path.stat()
                mode = stat.S_IMODE(found.st_mode)
                if mode & PRIVATE_UMASK and found.st_uid == os.geteuid():
                    path.chmod(mode & ~PRIVATE_UMASK)
                    if path in (self.root, self.database):
                        notes.append(f"{path} was open to other users (mode {mode:o}); now it is yours alone")
        return notes


def find_home(environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> Home:
    """Choose the state folder: ISOFLOP_HOME, else `.isoflop` of the current folder, else the user's data folder.

    Raises HomeError, SettingsError.
    """
    cwd = _working_folder() if cwd is None else cwd
    named = variable("ISOFLOP_HOME", environ)
    if named:
        return Home((cwd / _expanded(named)).resolve(), "ISOFLOP_HOME")
    if (cwd / LOCAL_FOLDER).is_dir():
        return Home((cwd / LOCAL_FOLDER).resolve(), f"{LOCAL_FOLDER} of the current folder")
    return Home(Path(platformdirs.user_data_dir("isoflop")).resolve(), "the user's data folder")


def _expanded(named: str) -> Path:
    """A path in which a leading `~` or `~user` is a home folder. Raises HomeError for a user who does not exist."""
    if not named.startswith("~"):  # pathlib would expand ./~x, too
        return Path(named)
    try:
        return Path(named).expanduser()
    except (RuntimeError, KeyError) as error:
        user = named.split("/")[0]
        raise HomeError(f"ISOFLOP_HOME is {shown(named)}: there is no user {user}; ./{user} is a folder") from error


def _working_folder() -> Path:
    """The current folder. Raises HomeError if it was deleted."""
    try:
        return Path.cwd()
    except OSError as error:
        raise HomeError("the current folder does not exist any more: change to another") from error
