"""The generated page of the sweep file."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.file import reference
from sweeps.recipes.marin import Marin
from tests.unit.sweeps.plans import ROOT


def test_reference_page_is_current() -> None:
    page = (ROOT / reference.PAGE).read_text(encoding="utf-8")
    assert page == reference.render(), "run python -m sweeps.file.reference"
    for name in ("budgets", "tokens_per_param", "smallest_budget", "max_bytes", "embedding_lr", "qk_norm"):
        assert f"`{name}`" in page


def test_the_page_is_written_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "PAGE", tmp_path / "docs/page.md")
    assert reference.main(["--check"]) == 1
    assert "is out of date: run python -m sweeps.file.reference" in capsys.readouterr().err
    assert reference.main([]) == 0
    assert (tmp_path / "docs/page.md").read_text(encoding="utf-8") == reference.render()
    assert reference.main(["--check"]) == 0 and capsys.readouterr().err == ""


def test_rows_hold_type_default_and_meaning() -> None:
    page = reference.render()
    for row in (
        "| `name` | text | required | Handle of the sweep: lower-case letters, digits and hyphens, at most 64. |",
        "| `context` | whole number | `128` | Tokens of a training sequence. |",
        "| `share_trunks` | true or false | `false` |",
        "| `flops` | number or nothing | `null` | Training FLOPs of the whole sweep. |",
        "| `sizes` | mapping, see below | see below | Model sizes. |",
    ):
        assert row in page
    assert "### `marin-2025`" in page and "| `lr_cap` | `0.01` | Ceiling of the learning rate. | " in page
    assert page.endswith("`corpus.near_duplicates`, `corpus.weight.DOMAIN`.\n")
    assert "`recipe`, `context`, `tokenizer.kind`, `tokenizer.vocab`" in page


def test_field_docs_are_inherited_and_in_one_line() -> None:
    docs = reference.field_docs(Marin)
    assert (
        docs["head_size"] == "Channels of one head."
        and docs["clip"] == "Global gradient-norm limit; 0 switches it off."
    )
    assert all("\n" not in text for text in docs.values())
