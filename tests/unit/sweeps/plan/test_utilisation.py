"""The share of a device's peak that is assumed by size."""

from __future__ import annotations

import math

import pytest

from analysis.devices import DEVICES
from benchmarks.gpu import SIZES
from model.flops import count_parameters, flops_per_token_by
from sweeps.plan.utilisation import REACHED, assumed_mfu

H200 = DEVICES["h200"]


def test_assumed_utilisation_passes_through_its_figures_and_never_exceeds_them() -> None:
    for point in REACHED:
        assert assumed_mfu(point.params) == pytest.approx(point.mfu)
        assert point.source
    sizes = [10 ** (4 + step / 5) for step in range(40)]
    shares = [assumed_mfu(size) for size in sizes]
    assert shares == sorted(shares)
    assert shares[0] < 0.01
    assert shares[-1] == REACHED[-1].mfu
    assert assumed_mfu(math.sqrt(17e6 * 124e6)) == pytest.approx(math.sqrt(0.31 * 0.40))


@pytest.mark.parametrize(
    ("size", "tokens_per_second"), [("1M", 9_071_023), ("5M", 5_541_877), ("17M", 2_184_307), ("124M", 466_176)]
)
def test_measured_figures_follow_from_their_tokens_a_second(size: str, tokens_per_second: float) -> None:
    shape, _ = SIZES[size]
    share = tokens_per_second * flops_per_token_by(shape)["full_attention"] / H200.peak
    nearest = min(REACHED, key=lambda point: abs(math.log(point.params / count_parameters(shape).matmul)))
    assert nearest.mfu == pytest.approx(share, abs=0.005)
