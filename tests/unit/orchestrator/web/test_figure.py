"""A chart as the templates need it: panels with ids of their own, caption, and what it says without a picture."""

from __future__ import annotations

from analysis.figures import isoflop_curves, residual_panels
from orchestrator.web.figure import SHARED_KEY, figure
from tests.unit.orchestrator.report_fixtures import law


def test_a_single_chart_is_one_panel_of_its_name() -> None:
    chart = isoflop_curves(law())
    made = figure(chart, "isoflop")
    assert made.name == "isoflop"
    assert [panel.id for panel in made.panels] == ["isoflop"]
    assert made.title and not made.title.endswith(".")
    assert SHARED_KEY not in made.notes
    assert made.panels[0].spec["width"] == "container" and "title" not in made.panels[0].spec
    assert made.alt == made.panels[0].alt == chart.to_dict(validate=False)["description"]


def test_panels_are_numbered_and_share_a_key() -> None:
    made = figure(residual_panels(law()), "residuals")
    assert [panel.id for panel in made.panels] == ["residuals", "residuals-2", "residuals-3"]
    assert made.notes[-1] == SHARED_KEY and made.notes.count(SHARED_KEY) == 1
    assert len({str(panel.spec) for panel in made.panels}) == 3
    assert all(panel.alt for panel in made.panels)
