"""The short forms of a sweep file written out: {from, to, count} for budgets, a list for sizes, nested axes."""

from __future__ import annotations

from typing import Final

from sweeps.file.data_axes import DATA_AXES, WEIGHT
from sweeps.file.layers import Layers
from sweeps.file.parse import Plain
from sweeps.file.typing_check import coerce
from sweeps.nearest import nearest

MAX_SERIES: Final = 1000
"""Budgets that a series may have."""


def written_out(layers: Layers) -> Plain:
    """The layers' data without short forms; mistakes in them are reported to the layers."""
    full = dict(layers.data)
    if isinstance(full.get("budgets"), dict):
        full["budgets"] = _series(full["budgets"], layers)
    sizes = full.get("sizes")
    if isinstance(sizes, list):
        full["sizes"] = {"shapes" if sizes and isinstance(sizes[0], dict) else "params": sizes}
    if isinstance(full.get("vary"), dict):
        full["vary"] = _axes(full["vary"])
    return full


def _axes(vary: Plain) -> Plain:
    """The axes of `vary` by their dotted names: `tokenizer: {vocab: […]}` is `tokenizer.vocab: […]`."""
    full: Plain = {}
    for axis, values in vary.items():
        nested = isinstance(values, dict) and any(f"{name}.".startswith(f"{axis}.") for name in (*DATA_AXES, WEIGHT))
        full |= _axes({f"{axis}.{key}": inner for key, inner in values.items()}) if nested else {axis: values}
    return full


def _series(series: Plain, layers: Layers) -> list[float]:
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
    found = [coerce(series[name], hint, ("budgets", name), layers) for name, hint in wanted.items()]
    if any(value is None for value in found):
        return []
    low, high, count = found
    if not (0 < low < high and 2 <= count <= MAX_SERIES):
        layers.report(("budgets",), f"needs 0 < from < to and a count between 2 and {MAX_SERIES}")
        return []
    # Rounded to 6 digits, so that equal series written differently give equal runs.
    return [float(f"{low * (high / low) ** (index / (count - 1)):.6g}") for index in range(count)]
