"""A SweepSpec as plain data, as canonical YAML text, and as the hash that names its revision."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from sweeps.file.spec import SweepSpec
from tokenizer.corpus_spec import told_json

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_RESERVED: Final = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")


def to_dict(spec: SweepSpec) -> dict[str, Any]:
    """A spec as plain data in the order of the schema; what is not used, such as `adaptive`, is left out."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(spec)))
    unused = {
        "adaptive": not spec.adaptive.on,
        "tune": not spec.tune.on,
        "recipes": not spec.recipes,
        "epochs": spec.epochs == SweepSpec.epochs,
    }
    return {key: value for key, value in plain.items() if not unused.get(key)}


def spec_hash(spec: SweepSpec) -> str:
    """Revision: 12 hexadecimal digits of the SHA-256 of everything in the sweep but its name."""
    content = {key: value for key, value in to_dict(spec).items() if key != "name"}
    # What a tokenizer of isoflop's does not have is left out, so that sweeps keep the revisions of earlier releases.
    content["tokenizer"] = {key: value for key, value in content["tokenizer"].items() if value != ""}
    content["corpus"] = told_json(content["corpus"])
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


class _Dumper(yaml.SafeDumper):
    """Writes YAML that the parser of sweep files reads back unchanged."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    text = repr(value) if 1e-4 <= abs(value) < 1e6 or value == 0 else f"{value:e}"
    if float(text) != value:
        text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    if mark:
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        # YAML 1.1 readers need the dot and the sign to see a number.
        text = f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent[0] if exponent[0] in '+-' else '+'}"
        text += exponent.lstrip("+-")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    """Text in quotes, except plain words that every YAML reader takes as text."""
    word = _WORD.fullmatch(value) and value.lower() not in _RESERVED
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if word else '"')


_Dumper.add_representer(float, _float)
_Dumper.add_representer(str, _text)


def to_yaml(spec: SweepSpec) -> str:
    """The sweep as canonical text with every key, from which `load_sweep` reads an equal spec."""
    return plain_yaml(to_dict(spec))


def plain_yaml(data: Mapping[str, Any]) -> str:
    """Plain data as text that the parser of sweep files reads back unchanged."""
    return yaml.dump(
        dict(data), Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120
    )
