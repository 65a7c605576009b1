"""Where state is kept: one folder for the database, artifacts, event logs, reports and locks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tokenizer.errors import ExpectedError

LOCAL_FOLDER = ".isoflop"
"""State folder of a project, if the current folder has one."""


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

    def create(self) -> Home:
        """Make the folder and those inside it, and return it.

        Raises HomeError if they cannot be made.
        """
        try:
            for folder in (self.artifacts, self.runs, self.reports, self.wandb):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HomeError(f"the state folder {self.root} cannot be used ({error}); set ISOFLOP_HOME") from error
        return self


def find_home(environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> Home:
    """Choose the state folder: ISOFLOP_HOME, else `.isoflop` of the current folder, else the user's data folder."""
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    named = environ.get("ISOFLOP_HOME")
    if named:
        return Home((cwd / Path(named).expanduser()).resolve(), "ISOFLOP_HOME")
    if (cwd / LOCAL_FOLDER).is_dir():
        return Home((cwd / LOCAL_FOLDER).resolve(), f"{LOCAL_FOLDER} of the current folder")
    return Home(Path(platformdirs.user_data_dir("isoflop")).resolve(), "the user's data folder")
