"""The only user of Hydra: a sweep file, what it extends and the overrides become one checked SweepSpec."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweeps.file.check import checked
from sweeps.file.parse import MAX_BYTES, Document, Key, parse
from sweeps.file.problem import Problem, SweepError
from sweeps.file.spec import SweepSpec
from sweeps.file.typing_check import conform
from sweeps.nearest import nearest

MAX_OVERRIDES: Final = 200
MAX_SERIES: Final = 1000
_SCHEMA: Final = "isoflop_sweep"
_OVERRIDE = re.compile(r"([a-z_][a-z0-9_]*(?:\.[A-Za-z0-9_+]+)*)=(.*)", re.DOTALL)
_BASE = re.compile(r"[a-z0-9-]{1,64}")
_LOCK = threading.Lock()


def load_sweep(
    source: Path | str | bytes, overrides: Sequence[str] = (), *, name_of_text: str = "<sweep>"
) -> SweepSpec:
    """Read a sweep.

    Args:
        source: path of a file, or the text itself.
        overrides: `key=value` with dotted keys of the schema; the value is YAML and replaces what stands at the key.
        name_of_text: name of a text without a file, for messages.

    Raises:
        SweepError: with every problem that was found and its place.
    """
    layers = _Layers(_read(source, name_of_text), overrides)
    base = layers.base()
    problems = layers.problems
    data = conform(_shorthands(layers), SweepSpec, (), layers)
    if not layers.names_itself:
        layers.report(("name",), "required: the handle of the sweep, such as `name: my-sweep`")
    if problems:
        raise SweepError(problems)
    return _resolve(base, data, layers)


def bases() -> tuple[str, ...]:
    """Names that `extends` knows: the files of sweeps/conf."""
    folder = resources.files("sweeps.conf")
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))


def _read(source: Path | str | bytes, name_of_text: str) -> Document:
    if not isinstance(source, Path):
        return parse(source, name_of_text)
    try:
        with source.open("rb") as file:
            return parse(file.read(MAX_BYTES + 1), str(source))
    except OSError as error:
        raise SweepError([Problem(f"cannot be read: {error.strerror or error}", file=str(source))]) from None


@dataclasses.dataclass(frozen=True)
class _Override:
    """One `key=value` of the command line."""

    key: Key
    created: Key
    document: Document


class _Layers:
    """A sweep file under its overrides, and where each value came from."""

    def __init__(self, document: Document, overrides: Sequence[str]) -> None:
        self.document = document
        self.data: dict[str, Any] = dict(document.data)
        self.problems: list[Problem] = []
        self.overrides: list[_Override] = []
        if len(overrides) > MAX_OVERRIDES:
            raise SweepError([Problem(f"more than {MAX_OVERRIDES} overrides")])
        for number, text in enumerate(overrides, start=1):
            self._override(f"override {number}", text)
        self.names_itself = "name" in self.data

    def report(self, key: Key, message: str, suggestion: str = "") -> None:
        """Note a problem at a key, with its place in the file or the override that set it."""
        self.problems.append(self.located(key, message, suggestion))

    def located(self, key: Key, message: str, suggestion: str = "") -> Problem:
        """The problem with the place of the layer that set the key."""
        override = self._setter(key)
        if override:
            return Problem(message, ".".join(key), override.document.file, suggestion=suggestion)
        return self.document.problem(key, message, suggestion)

    def written(self, key: Key) -> str | None:
        """The scalar at a key as it was written."""
        override = self._setter(key)
        place = override.document.places.get(key[len(override.key) :]) if override else self.document.places.get(key)
        return place.text if place else None

    def _setter(self, key: Key) -> _Override | None:
        """The last override that set a key, if one did."""
        return next((o for o in reversed(self.overrides) if key[: len(o.created)] == o.created), None)

    def base(self) -> str | None:
        """The name after `extends`, checked against the files of sweeps/conf."""
        if "extends" not in self.data:
            return None
        name = self.data.pop("extends")
        if not isinstance(name, str) or not _BASE.fullmatch(name) or name not in bases():
            near = nearest(name, bases()) if isinstance(name, str) else ""
            self.report(("extends",), f"no file of sweeps/conf; they are {', '.join(bases())}", near)
            return None
        return name

    def _override(self, name: str, text: str) -> None:
        match = _OVERRIDE.fullmatch(text)
        if not match:
            shown = text if len(text) <= 60 else f"{text[:57]}…"
            form = "an override is key=value with keys of the sweep file, such as sizes.count=5"
            self.problems.append(Problem(f"{form}; got {shown!r}", file=name))
            return
        key = tuple(match[1].split("."))
        if key[0] in ("hydra", "defaults", "extends"):
            self.problems.append(Problem("cannot be set by an override", match[1], name))
            return
        try:
            document = parse(match[2], name, any_top_level=True)
        except SweepError as error:
            # Only the message matters: a position inside one word of the command line helps nobody.
            self.problems += [Problem(p.message, match[1], name, suggestion=p.suggestion) for p in error.problems]
            return
        self.overrides.append(_Override(key, _created(self.data, key), document))
        self.data = _replaced(self.data, key, document.data)


def _created(data: Any, key: Key) -> Key:
    """The shortest part of `key` that does not lead to a mapping yet: what an override of `key` brings into being."""
    for length, part in enumerate(key, start=1):
        if not isinstance(data, dict) or not isinstance(data.get(part), dict):
            return key[:length]
        data = data[part]
    return key


def _replaced(data: Any, key: Key, value: Any) -> Any:
    """A copy of nested mappings with the value at `key` replaced."""
    if not key:
        return value
    inner = data if isinstance(data, dict) else {}
    return inner | {key[0]: _replaced(inner.get(key[0]), key[1:], value)}


def _shorthands(layers: _Layers) -> dict[str, Any]:
    """The two short forms of the file written out: {from, to, count} for budgets, a list for sizes."""
    full = dict(layers.data)
    if isinstance(full.get("budgets"), dict):
        full["budgets"] = _series(full["budgets"], layers)
    sizes = full.get("sizes")
    if isinstance(sizes, list):
        full["sizes"] = {"shapes" if sizes and isinstance(sizes[0], dict) else "params": sizes}
    return full


def _series(series: dict[str, Any], layers: _Layers) -> list[float]:
    """A geometric series of budgets; its length is checked before it is expanded."""
    wanted = {"from": float, "to": float, "count": int}
    for name in series:
        if name not in wanted:
            message = "unknown key; a series has from, to and count"
            layers.report(("budgets", name), message, nearest(name, tuple(wanted)))
    missing = [name for name in wanted if name not in series]
    if missing:
        layers.report(("budgets",), f"a series has from, to and count; {' and '.join(missing)} missing")
        return []
    found = [conform(series[name], hint, ("budgets", name), layers) for name, hint in wanted.items()]
    if any(value is None for value in found):
        return []
    low, high, count = found
    if not (0 < low < high and 2 <= count <= MAX_SERIES):
        layers.report(("budgets",), f"needs 0 < from < to and a count between 2 and {MAX_SERIES}")
        return []
    # Rounded to 6 digits, so that equal series written differently give equal runs.
    return [float(f"{low * (high / low) ** (index / (count - 1)):.6g}") for index in range(count)]


def _resolve(base: str | None, data: dict[str, Any], layers: _Layers) -> SweepSpec:
    """Merge over schema and base, and finish as SweepSpec, so that no key gets past the schema."""
    try:
        # Hydra seals what it composes, free mappings too: a fresh schema takes its values and the user's.
        merged = OmegaConf.merge(_schema(), _composed(base), data)
        assert isinstance(merged, DictConfig)
        for section in ("corpus", "tokenizer"):
            try:
                OmegaConf.to_object(merged[section])
            except ValueError as error:
                layers.problems.append(_section_problem(section, error, layers))
        if layers.problems:
            raise SweepError(layers.problems)
        spec = OmegaConf.to_object(merged)
        assert isinstance(spec, SweepSpec)
        return checked(spec)
    except OmegaConfBaseException as error:
        key = tuple((error.full_key or "").split(".")) if error.full_key else ()
        raise SweepError([layers.located(key, str(error).splitlines()[0])]) from None
    except SweepError as error:
        raise SweepError(_placed(problem, layers) for problem in error.problems) from None


def _section_problem(section: str, error: ValueError, layers: _Layers) -> Problem:
    """A problem of a part that another room checks; its messages begin with the key."""
    message = str(error)
    match = re.match(rf"{section}\.(\w+) ?", message)
    key = (section, match[1]) if match else (section,)
    return layers.located(key, message[match.end() :] if match else message)


def _placed(problem: Problem, layers: _Layers) -> Problem:
    """A problem of the values with its place, unless it has one."""
    if problem.file:
        return problem
    return layers.located(tuple(problem.key.split(".")), problem.message, problem.suggestion)


@lru_cache(maxsize=32)
def _composed(base: str | None) -> dict[str, Any]:
    """Schema and base through Hydra, as plain data. Hydra's state is global to the process, hence the lock."""
    chain = _chain(base)
    with _LOCK:
        store = ConfigStore.instance()
        store.store(name=_SCHEMA, node=_schema())
        for name, data in chain.items():
            store.store(group="base", name=name, node=data)
        GlobalHydra.instance().clear()
        with initialize_config_module("sweeps.conf", version_base="1.3"):
            composed = compose(_SCHEMA, overrides=[f"+base@_global_=[{','.join(chain)}]"] if chain else [])
    plain = OmegaConf.to_container(composed)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _chain(base: str | None) -> dict[str, dict[str, Any]]:
    """The base and what it extends in turn, furthest first, each through the same gate as a user's file."""
    chain: dict[str, dict[str, Any]] = {}
    while base is not None and base not in chain:
        text = resources.files("sweeps.conf").joinpath(f"{base}.yaml").read_bytes()
        layers = _Layers(parse(text, f"{base}.yaml"), ())
        parent = layers.base()
        data = conform(_shorthands(layers), SweepSpec, (), layers)
        if layers.problems:
            raise SweepError(layers.problems)
        chain = {base: data} | chain
        base = parent
    return chain


def _schema() -> DictConfig:
    """The structured config of SweepSpec, open to merging."""
    return _thawed(OmegaConf.structured(SweepSpec))


def _thawed(node: DictConfig) -> DictConfig:
    """Frozen dataclasses make read-only nodes, which would refuse the user's values."""
    OmegaConf.set_readonly(node, None)
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_missing():
            _thawed(child)
    return node
