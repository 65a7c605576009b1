"""The runs of a wandb project as a table to fit: config and summary, read through wandb's own client."""

from __future__ import annotations

import contextlib
import difflib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pandas as pd

from analysis.table.excluded import APART, ExcludedRow
from analysis.table.habits import Kind, kind_of
from analysis.table.table import MAX_ROWS, RunTable
from orchestrator.tracking.wandb_mirror import forget_empty, has_key, reachable, server_url
from tokenizer.errors import ExpectedError

REQUEST_SECONDS = 30
"""Longest wait for an answer of the server."""
PAGE = 100
"""Runs that one request asks for."""
SHOWN_KEYS = 30
"""Most keys that an error names."""


class WandbError(ExpectedError, ValueError):
    """A wandb project cannot be read; the message says why and what to do."""

    kind = "wandb"


class ProjectNotFound(WandbError):
    """There is no such project, or the key may not see it."""

    kind = "not-found"


class ServiceUnreachable(WandbError):
    """The wandb server does not answer."""

    kind = "unreachable"


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """What wandb keeps of one run."""

    name: str
    """Display name and id."""
    state: str
    """finished | running | crashed | failed | killed."""
    config: Mapping[str, Any]
    """Hyperparameters."""
    summary: Mapping[str, Any]
    """Last value of each metric, or what its `summary` setting keeps."""


def read_project(
    path: str,
    keys: Mapping[str, str],
    *,
    states: Sequence[str] = ("finished",),
    filters: Mapping[str, Any] | None = None,
    where: Mapping[str, str] | None = None,
) -> RunTable:
    """The runs of ENTITY/PROJECT in these states as a table; all others are listed as excluded, with their reasons.

    `keys` names the config or summary keys of flops, params, loss and, if it is known, tokens; `filters` is a query in
    the language of `wandb.Api().runs`; `where` chooses runs with these values of hyper-parameters. Raises WandbError,
    and LawError if the runs do not form a table.
    """
    if path.count("/") != 1 or not all(path.split("/")):
        raise WandbError(f"a wandb project is named ENTITY/PROJECT, not {path!r}")
    runs = list(islice(_fetch(path, dict(filters or {})), MAX_ROWS + 1))
    if not runs:
        raise WandbError(f"wandb project {path} has no runs" + (" under this filter" if filters else ""))
    return table_of(runs, keys, states=states, project=path, where=where)


def _fetch(path: str, filters: dict[str, Any]) -> Iterator[LoggedRun]:
    """The runs of a project, one page of them after the other. Raises WandbError."""
    url = server_url()
    if not has_key(url):
        raise WandbError(f"{url} needs an API key: set WANDB_API_KEY, or type `wandb login`")
    if not reachable(url):
        raise ServiceUnreachable(f"{url} does not answer: check the network, or WANDB_BASE_URL for your own server")
    forget_empty()
    import wandb
    from wandb.errors import AuthenticationError, Error

    try:
        wandb.setup(settings=wandb.Settings(silent=True))
        for run in wandb.Api(timeout=REQUEST_SECONDS).runs(path, filters=filters, per_page=PAGE, lazy=False):
            yield LoggedRun(f"{run.name} ({run.id})", run.state, dict(run.config), dict(run.summary_metrics))
    except AuthenticationError as error:
        raise WandbError(f"{url} does not accept the API key: {error}") from error
    except ValueError as error:
        if _is_missing_project(error):
            raise ProjectNotFound(f"no wandb project {path} at {url}, or the API key may not see it") from error
        raise WandbError(f"{path} cannot be read: {error}") from error
    except Error as error:
        raise ServiceUnreachable(f"{url} failed while {path} was read: {error}") from error
    finally:
        with contextlib.suppress(Exception):
            wandb.teardown()


def _is_missing_project(error: ValueError) -> bool:
    """Whether wandb found no such project. It says so only in the text of a ValueError."""
    return "Could not find project" in str(error)


def table_of(
    runs: Sequence[LoggedRun],
    keys: Mapping[str, str],
    *,
    states: Sequence[str] = ("finished",),
    project: str,
    where: Mapping[str, str] | None = None,
) -> RunTable:
    """A table of the runs that are in these states and have every key. Raises WandbError if there are none."""
    ready = [run for run in runs if run.state in states]
    keys = dict(keys)
    if keys.get("tokens") == "tokens" and not any(number(run, "tokens") for run in ready):
        keys.pop("tokens")
    if ready:
        _check_keys(ready, keys, project)
    rows, excluded = [], []
    for run in runs:
        values = {name: number(run, key) for name, key in keys.items()}
        reason = _unfit(run, states) or _reason(values, keys)
        known = {name: values.get(name) for name in ("flops", "params", "loss")}
        if reason:
            excluded.append(ExcludedRow(run.name, known["flops"], known["params"], known["loss"], reason))
        else:
            rows.append({"run": run.name, **dict(_settings(run.config)), **values})
    if not rows:
        reasons = Counter(entry.reason for entry in excluded).most_common(5)
        counted = "; ".join(f"{count} × {reason}" for reason, count in reasons)
        raise WandbError(f"none of the {len(runs)} runs of {project} can be used: {counted}")
    convention = f"as in wandb {project}: N is {keys['params']}, C is {keys['flops']}"
    table = RunTable.from_frame(pd.DataFrame(rows), convention=convention, where=where)
    return replace(table, excluded=(*excluded, *table.excluded))


def number(run: LoggedRun, key: str) -> float | None:
    """The number under a key of the summary, else of the config; a prefix `config.` or `summary.` chooses one.

    A key may contain dots or lead through nested values. A string that reads as a number counts as one, because YAML
    configs hold 1e18 as a string. None if there is no number.
    """
    first, _, rest = key.partition(".")
    trees: list[tuple[Mapping[str, Any], str]] = [(run.summary, key), (run.config, key)]
    if rest and first in ("config", "summary"):
        trees.append((getattr(run, first), rest))
    found = (_as_number(_nested(tree, path)) for tree, path in trees)
    return next((value for value in found if value is not None), None)


def _nested(tree: Any, key: str) -> Any:
    """The value under a key that may contain dots or lead through nested values; None if there is none."""
    if not isinstance(tree, Mapping):
        return None
    if key in tree:
        return tree[key]
    cuts = [i for i, character in enumerate(key) if character == "."]
    found = (_nested(tree.get(key[:cut]), key[cut + 1 :]) for cut in cuts)
    return next((value for value in found if value is not None), None)


def _settings(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Hyper-parameters and names of experiments among the values of a config, by dotted key."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{prefix}{key}.")
        elif isinstance(value, int | float | str) and kind_of(f"{prefix}{key}") in (Kind.TUNING, Kind.EXPERIMENT):
            yield f"{prefix}{key}", value


def _as_number(value: Any) -> float | None:
    """A value as a number; None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _unfit(run: LoggedRun, states: Sequence[str]) -> str:
    """Why a run must not be fitted, whatever its values; empty if it may."""
    if run.state not in states:
        return f"state is {run.state}"
    role = run.config.get("role")
    return f"it is a {role} run of isoflop, not one of a grid" if role in APART else ""


def _reason(values: Mapping[str, float | None], keys: Mapping[str, str]) -> str:
    """Why the values of a run cannot be fitted; empty if they can."""
    for name, value in values.items():
        if value is None:
            return f"no {name} (key {keys[name]})"
        if not (math.isfinite(value) and value > 0):
            return f"{name} is {value:g} (key {keys[name]})"
    return ""


def _check_keys(runs: Sequence[LoggedRun], keys: Mapping[str, str], project: str) -> None:
    """Raise WandbError for keys that no run has, naming the most similar ones."""
    missing = {name: key for name, key in keys.items() if all(number(run, key) is None for run in runs)}
    if not missing:
        return
    known = sorted({key for run in runs for tree in (run.config, run.summary) for key in _numeric_keys(tree)})
    lines = []
    for name, key in missing.items():
        near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
        hint = f" (nearest: {', '.join(near)})" if near else ""
        lines.append(f"no finished run has a number under {key!r} for {name}{hint}: name it with --{name}-key")
    more = f" and {len(known) - SHOWN_KEYS} more" if len(known) > SHOWN_KEYS else ""
    listed = ", ".join(known[:SHOWN_KEYS]) or "none"
    raise WandbError(f"wandb project {project}: {'; '.join(lines)}. Keys with numbers: {listed}{more}")


def _numeric_keys(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The keys of all numbers in nested values, with dots between the levels."""
    for key, value in tree.items():
        if str(key).startswith("_"):
            continue
        if isinstance(value, Mapping):
            yield from _numeric_keys(value, f"{prefix}{key}.")
        elif _as_number(value) is not None:
            yield f"{prefix}{key}"
