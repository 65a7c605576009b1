"""The measured peak of matrix products: FLOP/s of the fastest of several, once per process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from model import peak


@pytest.mark.parametrize(("numerics", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_peak_is_that_of_the_fastest_product(
    monkeypatch: pytest.MonkeyPatch, numerics: str, dtype: torch.dtype
) -> None:
    products: list[torch.Tensor] = []

    def times(work: Callable[[], torch.Tensor], device: torch.device, seconds: float) -> list[float]:
        assert (device.type, seconds) == ("cpu", peak.PEAK_SECONDS)
        products.append(work())
        return [0.5, 0.25, 2.0]

    monkeypatch.setattr(peak, "times", times)
    measure = peak.matmul_peak.__wrapped__
    assert measure("cpu", numerics) == 2 * 512**3 / 0.25
    assert products[0].shape == (512, 512) and products[0].dtype == dtype
    assert products[0][0, 0] == 512


def test_peak_is_measured_once() -> None:
    assert peak.matmul_peak("cpu") == peak.matmul_peak("cpu") > 1e8
