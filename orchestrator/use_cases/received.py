"""Sweeps that come over the network: they name corpora in the folders that the operator opened to them alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from orchestrator.use_cases.planning import Planned, Planning
from orchestrator.use_cases.workspace import Workspace
from tokenizer.corpus import CorpusError, CorpusFileError
from tokenizer.files import Reach

MOST_RUNS = 10_000
"""Runs of a received sweep; they are counted before its grid is laid out."""
NOWHERE = Reach(())
"""Received sweeps name no files: only the built-in corpus is left."""

log = logging.getLogger("isoflop.received")


def corpora_within(workspace: Workspace, *, loopback: bool) -> Reach:
    """Where the corpora of received sweeps may lie.

    In the folders of ISOFLOP_CORPUS_FOLDERS; without that variable in the service's current folder if only this machine
    reaches it (`loopback`), else nowhere. Never in the home.
    """
    listed = workspace.settings.corpus_folders
    if listed is None:
        listed = (Path.cwd().resolve(),) if loopback else ()
    return Reach(listed, closed=(workspace.home.root.resolve(),))


def plan_received(workspace: Workspace, source: bytes, overrides: Sequence[str], within: Reach) -> Planned:
    """`Planning.plan` for a sweep that somebody sent.

    Args:
        workspace: the service's home.
        source: the sweep file.
        overrides: `key=value` each.
        within: where its corpus may lie.

    Raises:
        CorpusError: also for any file that cannot be read, without a word of what it holds; that is in the log.
        SweepError, PlanError, CalibrationError, SettingsError.
    """
    try:
        return Planning(workspace).plan(source, overrides, within, MOST_RUNS)
    except CorpusFileError as error:
        log.warning("the corpus of a received sweep: %s", error)
        raise CorpusError(
            "corpus.paths: a file cannot be read as corpus.source and corpus.text_key say; the service's log has more"
        ) from None
