"""Rendering: what /static serves, and the small filters of the templates."""

from __future__ import annotations

import json

import pytest
from jinja2 import UndefinedError

from orchestrator.web.render import (
    MEDIA_TYPES,
    STATIC,
    curves_of,
    environment,
    example_budget,
    moment,
    script_data,
    sentence,
    static_file,
    submit_command,
    themes,
)
from tests.unit.orchestrator.report_fixtures import law


@pytest.mark.parametrize("name", ["../render.py", "/etc/passwd", "none.css", "", "..", "../static/style.css"])
def test_static_serves_only_its_own_files(name: str) -> None:
    assert static_file(name) is None


def test_static_serves_styles_modules_and_vega() -> None:
    for path in STATIC.iterdir():
        assert static_file(path.name) == (path.read_bytes(), MEDIA_TYPES[path.suffix])
    vega = static_file("vega.js")
    assert vega is not None and b"vegaEmbed" in vega[0] and vega[1].startswith("text/javascript")


def test_the_stylesheet_defines_every_variable_in_use() -> None:
    style = (STATIC / "style.css").read_text()
    used = {part.split(")")[0].split(",")[0] for part in style.split("var(")[1:]}
    assert used and used <= {line.split(":")[0].strip() for line in style.splitlines() if line.strip().startswith("--")}


def test_the_budget_to_ask_for_is_ten_times_the_largest() -> None:
    curves = curves_of(law())
    assert [curve.flops for curve in curves] == [3e11, 1e12, 3e12]
    assert example_budget(curves) == "3e13"
    assert curves_of(None) == [] and example_budget([]) == "1e13"


def test_a_name_that_a_template_does_not_have_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ nothing }}").render()


def test_every_template_escapes() -> None:
    assert environment().from_string("{{ name }}").render(name="<b>") == "&lt;b&gt;"


def test_json_in_a_script_cannot_end_it() -> None:
    data = {"name": "</script><!--"}
    assert "</" not in script_data(data) and "<!--" not in script_data(data)
    assert json.loads(script_data(data)) == data


def test_filters_write_times_commands_and_intervals() -> None:
    assert moment(0) == "1970-01-01 00:00 UTC"
    assert submit_command("http://127.0.0.1:9/").endswith(" http://127.0.0.1:9/api/v1/sweeps")
    prediction = law().predict(3e13)
    made = environment().from_string("{{ p.params_interval | count_interval }} / {{ p.loss_interval | interval }}")
    counts, losses = made.render(p=prediction).split(" / ")
    assert " k " in counts and " k " not in losses
    assert environment().from_string("{{ 'joint_skew' | label }}").render() == "joint skew"
    assert (sentence("no run"), sentence("No run."), sentence("n")) == ("No run.", "No run.", "N.")
    assert set(themes()) == {"light", "dark"} and themes()["light"] != themes()["dark"]
