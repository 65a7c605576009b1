"""Charts to files and pages: PNG, SVG, PDF, JSON and self-contained HTML, with no browser and no CDN."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import vl_convert

from analysis.figures.palette import Mode
from analysis.figures.theme import theme
from analysis.records import QuestionError

SUFFIXES = (".html", ".json", ".pdf", ".png", ".svg")
"""Endings that `save` understands."""

_WITH_LEGEND = ("color", "shape", "strokeDash")
_PNG_PPI = 216
_LIBRARY = "window.vegaEmbed = vegaEmbed;"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>body {{ margin: 1rem; }} #chart {{ width: 100%; max-width: 60rem; }}</style>
</head>
<body>
<main id="chart"></main>
<script>{library}</script>
<script>
const spec = {spec};
const themes = {themes};
const dark = matchMedia("(prefers-color-scheme: dark)");
const draw = () => vegaEmbed("#chart", spec,
  {{config: themes[dark.matches ? "dark" : "light"], renderer: "svg", actions: false}});
dark.addEventListener("change", draw);
draw();
</script>
</body>
</html>
"""


class Chart(Protocol):
    """Any Altair chart."""

    def to_dict(self, validate: bool = True) -> dict[str, Any]:
        """The Vega-Lite spec."""
        ...


def save(chart: Chart, path: Path | str, mode: Mode = "print") -> Path:
    """Write a chart in the format of the path's ending: .png, .svg, .pdf, .json or self-contained .html.

    The HTML follows the reader's light or dark setting and loads nothing; the others are drawn in `mode`.

    Raises:
        QuestionError: the ending is none of these.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise QuestionError(f"cannot write a chart as {path.name!r}: its ending must be one of {', '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(drawn(chart, suffix, mode))
    return path


def drawn(chart: Chart, suffix: str, mode: Mode = "print") -> bytes:
    """A chart as the content of a file with one of the endings of `SUFFIXES`."""
    if suffix in (".png", ".pdf"):
        return render(chart, suffix, mode)
    return _text(chart, suffix, mode).encode()


def render(chart: Chart, suffix: str, mode: Mode = "print") -> bytes:
    """A chart as PNG or PDF bytes."""
    _register_fonts()
    spec, config = chart.to_dict(validate=False), theme(mode)
    if suffix == ".png":
        return bytes(vl_convert.vegalite_to_png(spec, ppi=_PNG_PPI, scale=1, config=config, allowed_base_urls=[]))
    return bytes(vl_convert.vegalite_to_pdf(spec, config=config, allowed_base_urls=[]))


def _text(chart: Chart, suffix: str, mode: Mode) -> str:
    """A chart as SVG, JSON or HTML."""
    spec = chart.to_dict(validate=False)
    if suffix == ".svg":
        _register_fonts()
        return str(vl_convert.vegalite_to_svg(spec, config=theme(mode), allowed_base_urls=[]))
    if suffix == ".json":
        return json.dumps({**spec, "config": theme(mode)}, ensure_ascii=False, indent=1) + "\n"
    return _PAGE.format(
        title=html.escape(caption(spec)[0] or "isoflop"),
        library=javascript(),
        spec=script_json(spec),
        themes=script_json({"light": theme("light"), "dark": theme("dark")}),
    )


def page_specs(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A chart's specs for a web page, as wide as their containers, titles left to the page's own caption.

    Panels side by side become a spec each, without legends, so that a narrow page can put them below each other.
    """
    if "hconcat" not in spec:
        return [_page_spec(spec)]
    shared = {key: spec[key] for key in ("$schema", "datasets") if key in spec}
    return [_page_spec(shared | _without_legends(panel)) for panel in spec["hconcat"]]


def _page_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec without title and theme, as wide as its container."""
    kept = {key: value for key, value in spec.items() if key not in ("config", "title")}
    return {**kept, "width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}


def _without_legends(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec whose colours, markers and dashes have no legend."""
    made = {**spec}
    if "layer" in spec:
        made["layer"] = [_without_legends(layer) for layer in spec["layer"]]
    if "encoding" in spec:
        made["encoding"] = {
            name: {**channel, "legend": None} if name in _WITH_LEGEND and "field" in channel else channel
            for name, channel in spec["encoding"].items()
        }
    return made


def caption(spec: Mapping[str, Any]) -> tuple[str, list[str]]:
    """A chart's title and the sentences below it, for a page that writes them itself."""
    title = spec.get("title", {})
    return title.get("text", ""), list(title.get("subtitle", []))


def script_json(data: Any) -> str:
    """JSON that is safe inside an HTML script element: nothing in it can close the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@lru_cache(maxsize=1)
def javascript() -> str:
    """The JavaScript of Vega, Vega-Lite and vega-embed as one classic script that sets `window.vegaEmbed`."""
    library = str(vl_convert.javascript_bundle(_LIBRARY))
    return "(() => {" + library.replace("</script", "<\\/script") + "})();"


@lru_cache(maxsize=1)
def _register_fonts() -> None:
    """Make the charts' own font known: what vl-convert brings has no ⁰, ⁶, ⁹ or ⁻, and a bare machine has no other."""
    vl_convert.register_font_directory(str(Path(__file__).parent / "fonts"))
