"""Composes a sweep file, the files that it extends and the overrides into one checked SweepSpec; alone uses Hydra."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final

from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweeps.file.check import checked
from sweeps.file.forms import without_other_forms
from sweeps.file.layers import Layers
from sweeps.file.parse import MAX_BYTES, Document, Plain, parse
from sweeps.file.problem import Problem, SweepError
from sweeps.file.shorthands import written_out
from sweeps.file.spec import SweepSpec
from sweeps.file.typing_check import coerce
from tokenizer.corpus import CorpusError
from tokenizer.vocabulary import TokenizerError

_SCHEMA: Final = "isoflop_sweep"
_LOCK = threading.Lock()


def load_sweep(
    source: Path | str | bytes, overrides: Sequence[str] = (), *, name_of_text: str = "<sweep>"
) -> SweepSpec:
    """Read a sweep file and check it.

    Args:
        source: path of a file, or the text itself.
        overrides: `key=value` with dotted keys of the schema; the value is YAML and replaces the value at the key.
        name_of_text: name of a text without a file, for messages.

    Raises:
        SweepError: with every problem that was found and its position.
    """
    layers = Layers(read_document(source, name_of_text), overrides)
    base = layers.take_base(bases())
    data = coerce(written_out(layers), SweepSpec, (), layers)
    if not layers.names_itself and not layers.reported(("name",)):
        layers.report(("name",), "required: the handle of the sweep, such as `name: my-sweep`")
    if layers.problems:
        raise SweepError((*layers.problems, *_further(base, data, layers)))
    return _resolve(base, data, layers)


def _further(base: str | None, data: Plain, layers: Layers) -> tuple[Problem, ...]:
    """What is wrong with the values besides the mistakes that are known, which are left out of the data."""
    rest = layers.without_problems()
    try:
        _resolve(base, layers.without_mistakes(data) | {"name": data.get("name") or "unnamed"}, rest)
    except SweepError as error:
        known = (p for p in error.problems if not _follows(p, layers))
        return tuple(p for p in known if not layers.reported(tuple(p.key.split("."))))
    return ()


def bases() -> tuple[str, ...]:
    """Names that `extends` may give: the files of sweeps/conf."""
    folder = resources.files("sweeps.conf")
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))


def read_document(source: Path | str | bytes, name_of_text: str = "<sweep>") -> Document:
    """The text of a sweep with positions; the arguments are those of `load_sweep`. Raises SweepError."""
    if not isinstance(source, Path):
        return parse(source, name_of_text)
    try:
        with source.open("rb") as file:
            return parse(file.read(MAX_BYTES + 1), str(source))
    except OSError as error:
        raise SweepError([Problem(f"cannot be read: {error.strerror or error}", file=str(source))]) from None


def _resolve(base: str | None, data: Plain, layers: Layers) -> SweepSpec:
    """The data merged over schema and base, as a checked SweepSpec, so that no key gets past the schema."""
    try:
        # Hydra seals what it composes, free mappings too, so both its values and the user's go into a fresh schema.
        merged = OmegaConf.merge(_schema(), without_other_forms(_composed(base), data), data)
        assert isinstance(merged, DictConfig)
        for section in ("corpus", "tokenizer"):
            try:
                OmegaConf.to_object(merged[section])
            except (CorpusError, TokenizerError) as error:
                layers.report((section, *filter(None, error.key.split("."))), error.message)
                merged[section] = _schema()[section]  # so that the other sections can be checked too
        spec = OmegaConf.to_object(merged)
        assert isinstance(spec, SweepSpec)
    except OmegaConfBaseException as error:
        key = tuple((error.full_key or "").split(".")) if error.full_key else ()
        raise SweepError([layers.located(key, str(error).splitlines()[0])]) from None
    try:
        checked(spec)
    except SweepError as error:
        further = [_placed(problem, layers) for problem in error.problems if not _follows(problem, layers)]
        raise SweepError((*layers.problems, *further)) from None
    if layers.problems:
        raise SweepError(layers.problems)
    return spec


def _follows(problem: Problem, layers: Layers) -> bool:
    """Whether a problem of an axis comes of one that its section has, which was replaced to go on."""
    section = problem.key.removeprefix("vary.").split(".")[0]
    return section in ("corpus", "tokenizer") and problem.key.startswith("vary.") and layers.reported((section,))


def _placed(problem: Problem, layers: Layers) -> Problem:
    """A problem of the values with the position of its key."""
    return layers.located(tuple(problem.key.split(".")), problem.message, problem.suggestion)


@lru_cache(maxsize=32)
def _composed(base: str | None) -> Plain:
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


def _chain(base: str | None) -> dict[str, Plain]:
    """The base and the files that it extends in turn, furthest first, each checked like a user's file."""
    chain: dict[str, Plain] = {}
    while base is not None and base not in chain:
        text = resources.files("sweeps.conf").joinpath(f"{base}.yaml").read_bytes()
        layers = Layers(parse(text, f"{base}.yaml"))
        parent = layers.take_base(bases())
        data = coerce(written_out(layers), SweepSpec, (), layers)
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
