"""Templates to HTML: one Jinja environment with autoescape and the shared wording, for the page and the report."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from analysis import wording
from analysis.figures import Chart, caption, javascript, page_specs, script_json, theme
from analysis.law import Law
from analysis.records import Curve
from orchestrator.web import tables

STATIC = Path(__file__).parent / "static"
"""Folder of styles and ES modules, to be served under /static."""

MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
"""Content types of what `static_file` returns, by suffix."""

_VEGA = "vega.js"


def render(template: str, **context: Any) -> str:
    """A template of `templates/` as HTML; an undefined name is an error."""
    return environment().get_template(template).render(**context)


def static_file(name: str) -> tuple[bytes, str] | None:
    """Content and media type of a file under /static, or None; `vega.js` comes out of vl-convert, not the folder."""
    if name == _VEGA:
        return javascript().encode(), MEDIA_TYPES[".js"]
    path = STATIC / name
    if path.suffix not in MEDIA_TYPES or path.parent != STATIC or not path.is_file():
        return None
    return path.read_bytes(), MEDIA_TYPES[path.suffix]


def figure(chart: Chart, name: str) -> dict[str, Any]:
    """What the templates need of a chart: its name, panels (id, spec, description), title, caption and description."""
    made = chart.to_dict(validate=False)
    title, notes = caption(made)
    panels = [
        {"id": f"{name}-{number}" if number > 1 else name, "spec": spec, "alt": spec.get("description", title)}
        for number, spec in enumerate(page_specs(made), start=1)
    ]
    if len(panels) > 1:
        notes = [*notes, "Colours and markers as in the IsoFLOP curves."]
    alt = made.get("description", title)
    return {"name": name, "spec": panels[0]["spec"], "panels": panels, "title": title, "notes": notes, "alt": alt}


def themes() -> Mapping[str, Any]:
    """Chart configurations of the page, by colour scheme."""
    return {"light": theme("light"), "dark": theme("dark")}


def curves_of(law: Law | None) -> list[Curve]:
    """The curves of a law by budget; none without a law."""
    return sorted(law.curves, key=lambda curve: curve.flops) if law is not None else []


def example_budget(curves: list[Curve]) -> str:
    """A budget worth asking for, as a person types it: ten times the largest that was run."""
    return f"{10 * curves[-1].flops:.3g}".replace("e+", "e") if curves else "1e13"


def submit_command(base_url: str) -> str:
    """What to type to submit a sweep file to this service."""
    return f"curl --data-binary @sweeps/conf/demo.yaml {base_url.rstrip('/')}/api/v1/sweeps"


def moment(timestamp: float) -> str:
    """Seconds since the epoch as a date and time in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M UTC")


def script_data(data: Any) -> Markup:
    """JSON for a `<script type="application/json">` element."""
    return Markup(script_json(data))


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The one environment: autoescape on for every template, the wording as filters."""
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
        "count_interval": lambda interval: wording.format_interval(interval, wording.format_count),
        "trust": wording.trust_sentence,
        "noise": lambda law: " ".join(wording.noise_sentences(law.noise, law.loss_unit)),
        "refusal": wording.refusal_phrase,
        "message": wording.refusal_message,
        "label": lambda name: str(name).replace("_", " "),
        "script": script_data,
        "shell": shlex.quote,
        "moment": moment,
        "power_law_groups": tables.power_law_groups,
        "signed": tables.signed,
        "run_rows": tables.run_rows,
        "dropped_rows": tables.dropped_rows,
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
