"""The chart of tokenizers: every bar is the sum of its parts, and the cheapest is named."""

from __future__ import annotations

import pytest

from analysis.figures.tokenizers import TokenizerBar, tokenizer_costs

PARTS = ("attention_scores", "attention_projections", "mlp", "head")
BARS = [
    TokenizerBar(name, reach, entries, dict(zip(PARTS, flops, strict=True)))
    for name, reach, entries, flops in (
        ("byte-257", 1.0, 257, (2e5, 4e5, 8e5, 1e5)),
        ("bpe-1024", 2.7, 1024, (7e4, 1.4e5, 2.9e5, 1.4e5)),
        ("bpe-8192", 3.8, 8192, (5e4, 1e5, 2e5, 8.2e5)),
    )
]


def test_bars_are_stacked_in_one_unit_and_the_cheapest_is_named() -> None:
    spec = tokenizer_costs(BARS, "4 layers of width 64").to_dict()
    text = " ".join(spec["title"]["subtitle"]) + str(spec)
    assert "bpe-1024 needs the fewest FLOPs per byte" in text
    assert "Training FLOPs per byte of text (millions)" in text
    rows = [row for data in spec["datasets"].values() for row in data if "part" in row]
    assert len(rows) == 12
    sums = {bar.name: sum(row["flops"] for row in rows if row["tokenizer"] == bar.name) for bar in BARS}
    assert sums == pytest.approx({"byte-257": 1.5, "bpe-1024": 0.64, "bpe-8192": 1.17})


@pytest.mark.parametrize(("scale", "unit"), [(1e-5, "byte of text'"), (1e-2, "(thousands)"), (1e7, "(×10¹²)")])
def test_the_unit_fits_the_largest(scale: float, unit: str) -> None:
    bars = [TokenizerBar(b.name, 1, 2, {k: v * scale for k, v in b.parts.items()}) for b in BARS]
    assert unit in str(tokenizer_costs(bars, "a shape").to_dict())
