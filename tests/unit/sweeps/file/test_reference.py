"""The generated page of the sweep file."""

from __future__ import annotations

from sweeps.file import reference
from tests.unit.sweeps.plans import ROOT


def test_reference_page_is_current() -> None:
    page = (ROOT / reference.PAGE).read_text(encoding="utf-8")
    assert page == reference.render(), "run python -m sweeps.file.reference"
    for name in ("budgets", "tokens_per_param", "smallest_budget", "max_bytes", "embedding_lr", "qk_norm"):
        assert f"`{name}`" in page
