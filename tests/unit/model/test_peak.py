"""The measured peak of matrix products, and the share of it that is reached: never more than the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from model import peak


@pytest.fixture(autouse=True)
def nothing_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak, "_measured", {})


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
    assert peak.matmul_peak("cpu", numerics) == 2 * 512**3 / 0.25
    assert products[0].shape == (512, 512) and products[0].dtype == dtype
    assert products[0][0, 0] == 512


def test_peak_is_measured_once_for_a_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = iter((1e9, 2e9, 3e9))
    monkeypatch.setattr(peak, "_rate", lambda *_: next(rates))
    assert peak.matmul_peak("cpu") == peak.matmul_peak("cpu") == 1e9
    assert peak.matmul_peak("cpu", "bf16") == 2e9
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert peak.matmul_peak("cpu") == 3e9


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, int]]]:
    """Products whose rates are 10, 30, 20 and 40 FLOP/s in turn; the edges that were measured."""
    given = iter((10.0, 30.0, 20.0, 40.0, 0.0))
    asked: list[tuple[str, int]] = []

    def rate(device: str, numerics: str, size: int) -> float:
        asked.append((numerics, size))
        return next(given)

    monkeypatch.setattr(peak, "_rate", rate)
    yield asked


@pytest.mark.parametrize(
    ("achieved", "share", "measurements"),
    [
        (5.0, 0.5, 1),
        (10.0, 1.0, 1),
        (15.0, 0.5, 2),
        (30.0, 1.0, 2),
        (36.0, 0.9, 4),
        (40.5, None, 4),
    ],
)
def test_a_share_above_the_whole_measures_the_peak_again(
    rates: list[tuple[str, int]], achieved: float, share: float | None, measurements: int
) -> None:
    assert peak.utilisation(achieved, "cpu", "bf16") == share
    assert rates == [("bf16", size) for size in (512, 512, 256, 1024)[:measurements]]
    assert peak.matmul_peak("cpu", "bf16") == max((10.0, 30.0, 20.0, 40.0)[:measurements])


def test_several_devices_have_several_peaks(rates: list[tuple[str, int]]) -> None:
    assert peak.utilisation(20.0, "cuda:1", "fp32", devices=4) == 0.5
    assert rates == [("fp32", 8192)]
