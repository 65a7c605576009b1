"""What the template of a report receives is a view like any other."""

from __future__ import annotations

from orchestrator.web.render import environment
from orchestrator.web.report_view import ReportPage
from orchestrator.web.views import View


def test_a_report_is_a_view_whose_template_exists() -> None:
    assert issubclass(ReportPage, View)
    assert environment().get_template(ReportPage.template).name == "report.html"
