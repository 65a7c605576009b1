"""What a sweep replaces of the file that it extends: another form of a section takes the place of the base's."""

from __future__ import annotations

from typing import Any

from sweeps.file.parse import Plain
from sweeps.file.spec import CentreSpec
from tokenizer.corpus import CorpusSpec


def without_other_forms(base: Plain, data: Plain) -> Plain:
    """The base's data without what another form in the sweep's own `data` replaces.

    Merged key by key, both forms would be set: `params_at` beside `tokens_per_param`, a list of sizes beside their
    number, the paths of one source beside another, the file of a tokenizer beside another kind, the values of one
    recipe beside another.
    """
    found = dict(base)
    for section, replaced in (("centre", _centre), ("sizes", _sizes), ("corpus", _corpus), ("tokenizer", _tokenizer)):
        own = data.get(section)
        if isinstance(own, dict):
            found[section] = found[section] | replaced(found[section], own)
    if data.get("recipe", base["recipe"]) != base["recipe"]:
        found["recipe_overrides"] = {}
    return found


def _centre(_: Plain, own: Plain) -> dict[str, Any]:
    """A ratio replaces a pair with its exponent; a pair replaces a ratio and any other pair."""
    if own.get("tokens_per_param") is not None:
        return {"params_at": {}, "exponent": CentreSpec().exponent}
    return {"tokens_per_param": None, "params_at": {}} if own.get("params_at") else {}


def _sizes(_: Plain, own: Plain) -> dict[str, Any]:
    """A list replaces the other list; a number or a span replaces both."""
    forms = {"params": ("shapes",), "shapes": ("params",), "count": ("params", "shapes"), "span": ("params", "shapes")}
    return {old: [] for form, others in forms.items() if own.get(form) for old in others if not own.get(old)}


def _corpus(base: Plain, own: Plain) -> dict[str, Any]:
    """Another source replaces the paths and the key of the text."""
    if own.get("source", base["source"]) == base["source"]:
        return {}
    return {"paths": list(CorpusSpec().paths), "text_key": CorpusSpec().text_key}


def _tokenizer(base: Plain, own: Plain) -> dict[str, Any]:
    """Another kind replaces the file and what was said of it."""
    same = own.get("kind", base["kind"]) == base["kind"]
    return {} if same else {"path": "", "separator": "", "pattern": ""}
