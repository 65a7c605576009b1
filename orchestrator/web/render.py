"""Renders views as HTML: one Jinja environment with autoescape and the shared wording, for pages and report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from analysis import wording
from analysis.answers.details import details_of, title_of
from analysis.answers.ngrams import ngram_sentence
from analysis.answers.worth import worth_sentence
from analysis.devices import Hardware
from analysis.figures import javascript, script_json, theme
from analysis.law import Law
from analysis.records import Curve
from orchestrator.web import tables
from orchestrator.web.views import View

STATIC = Path(__file__).parent / "static"
"""Folder of styles and ES modules, which are served under /static."""

MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
"""Content types of the files that `static_file` returns, by suffix."""

_VEGA = "vega.js"
"""Name under /static of Vega's bundle, which is not a file."""


def render(view: View) -> str:
    """A page as HTML: its template, filled with the fields of the view. A name that the view does not have raises."""
    return environment().get_template(view.template).render({f.name: getattr(view, f.name) for f in fields(view)})


def static_file(name: str) -> tuple[bytes, str] | None:
    """Content and media type of a file under /static; None if there is none. `vega.js` is made by vl-convert."""
    if name == _VEGA:
        return javascript().encode(), MEDIA_TYPES[".js"]
    # Compared by name, so that no file system sees what a stranger typed.
    for path in STATIC.iterdir():
        if path.name == name and path.suffix in MEDIA_TYPES:
            return path.read_bytes(), MEDIA_TYPES[path.suffix]
    return None


def themes() -> Mapping[str, Any]:
    """Chart configurations, by colour scheme: light and dark."""
    return {"light": theme("light"), "dark": theme("dark")}


def curves_of(law: Law | None) -> list[Curve]:
    """The curves of a law in the order of their budgets; none without a law."""
    return sorted(law.curves, key=lambda curve: curve.flops) if law is not None else []


def example_budget(curves: list[Curve]) -> str:
    """A budget worth asking for, as a person types it: ten times the largest that was trained."""
    return f"{10 * curves[-1].flops:.3g}".replace("e+", "e") if curves else "1e13"


def submit_command(base_url: str) -> str:
    """What to type to submit a sweep file to this service."""
    return f"curl --data-binary @sweeps/conf/demo.yaml {shlex.quote(base_url.rstrip('/') + '/api/v1/sweeps')}"


def hours_on(hardware: Hardware, flops: float) -> str:
    """What a budget takes on a device."""
    device = hardware.device
    return (
        f"{wording.format_hours(hardware.hours(flops))} hours of {device.name} at {hardware.utilisation:.0%} of"
        f" {device.peak / 1e12:.4g} TFLOP/s ({device.source})."
    )


def moment(timestamp: float) -> str:
    """Seconds since the epoch as a date and time in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M UTC")


def sentence(message: str) -> str:
    """A message as a sentence of its own: with a capital letter and a full stop."""
    return message[:1].upper() + message[1:].rstrip(".") + "."


def script_data(data: Any) -> Markup:
    """JSON as the content of a `<script type="application/json">` element."""
    return Markup(script_json(data))


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The one environment: every template autoescapes, the wording is at hand as filters."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "flops": wording.format_flops,
        "count": wording.format_count,
        "loss": wording.format_loss,
        "factor": wording.format_factor,
        "duration": wording.format_duration,
        "interval": wording.format_interval,
        "flops_interval": lambda interval: wording.format_interval(interval, wording.format_flops),
        "multiplier": wording.format_multiplier,
        "multiplier_interval": lambda interval: wording.format_interval(interval, wording.format_multiplier),
        "hours": hours_on,
        "answer_title": title_of,
        "answer_details": details_of,
        "count_interval": lambda interval: wording.format_interval(interval, wording.format_count),
        "trust": wording.trust_sentence,
        "noise": lambda law: " ".join(wording.noise_sentences(law.noise, law.loss_unit)),
        "worth": worth_sentence,
        "ngrams": ngram_sentence,
        "refusal": wording.refusal_phrase,
        "message": wording.refusal_message,
        "sentence": sentence,
        "label": lambda name: str(name).replace("_", " "),
        "script": script_data,
        "shell": shlex.quote,
        "moment": moment,
        "power_law_groups": tables.power_law_groups,
        "signed": tables.signed,
        "refusal_groups": tables.refusal_groups,
        "size_error": tables.size_error,
        "coefficient": tables.coefficient,
        "parameters": tables.parameters,
    }
    made.globals |= {
        "themes": themes,
        "curves_of": curves_of,
        "example_budget": example_budget,
        "submit_command": submit_command,
    }
    return made
