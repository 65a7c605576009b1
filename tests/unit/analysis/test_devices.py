"""Devices: found however their names are written, matched to drivers and Ray, and worth what a data sheet says."""

from __future__ import annotations

import math

import pytest

from analysis.devices import DEVICES, GPUS, accelerator_type, find_device, hardware, is_device
from analysis.records import QuestionError


def test_devices_are_found_by_the_names_people_write() -> None:
    for written, name in (("NVIDIA H100", "h100"), ("RTX 4090", "rtx4090"), ("tpu_v5e", "tpu-v5e"), ("A100", "a100")):
        assert hardware(written).device is DEVICES[name]
    assert hardware("mine", tflops=50).flops(2) == pytest.approx(2 * 3600 * 50e12 * 0.4)
    with pytest.raises(QuestionError, match=r"did you mean h200\?\); known: v100.*device_tflops"):
        hardware("h20")
    for bad in ({"utilisation": 1.5}, {"utilisation": 0.0}, {"tflops": -1.0}):
        with pytest.raises(QuestionError):
            hardware("h100", **bad)
    assert all(1e13 < device.peak < 1e16 and device.source for device in DEVICES.values())


@pytest.mark.parametrize(
    ("kind", "name", "same"),
    [
        ("h100", "NVIDIA H100 80GB HBM3", True),
        ("h100", "H100", True),
        ("a100-80g", "NVIDIA A100-SXM4-80GB", True),
        ("a100-80g", "NVIDIA A100-SXM4-40GB", False),
        ("a100", "NVIDIA A100-SXM4-40GB", True),
        ("rtx4090", "NVIDIA GeForce RTX 4090", True),
        ("rtx4090", "NVIDIA GeForce RTX 3090", False),
        ("l40", "NVIDIA L40S", False),
        ("l40s", "NVIDIA L40S", True),
    ],
)
def test_a_kind_takes_what_drivers_call_it(kind: str, name: str, same: bool) -> None:
    assert is_device(kind, name) is same


def test_ray_is_asked_for_the_type_that_is_present_else_the_usual_one() -> None:
    assert accelerator_type("a100-80g", ["A100", "H100"]) == "A100"
    assert accelerator_type("a100-80g", ["A100", "A100-80G"]) == "A100-80G"
    assert accelerator_type("h100", []) == "H100"
    assert accelerator_type("h100-pcie", []) == "H100", "Ray's name where it is not the kind in capitals"
    assert accelerator_type("rtx3090", ["T4"]) == "GeForce-RTX-3090"


def test_unknown_names_and_impossible_figures_are_refused() -> None:
    assert find_device("gtx 1080") is None and find_device("a100 80gb") is DEVICES["a100-80g"]
    with pytest.raises(QuestionError, match="no device 'zzz'; known: v100"):
        hardware("zzz")
    for hours in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(QuestionError, match="must be a positive number"):
            hardware("h100").flops(hours)
    for peak in (0.0, float("inf")):
        with pytest.raises(QuestionError, match="peak must be a positive number of TFLOP/s"):
            hardware("mine", tflops=peak)


@pytest.mark.parametrize("stated", [{"utilisation": 5e-324}, {"tflops": 5e-324}, {"tflops": 1e300}])
def test_what_no_device_reaches_is_refused_before_it_overflows(stated: dict[str, float]) -> None:
    with pytest.raises(
        QuestionError, match=r"\(MFU\) is a share of the peak|peak must be a positive number of TFLOP/s"
    ):
        hardware("h100", **stated)


@pytest.mark.parametrize("stated", [{"utilisation": 1e-6}, {"utilisation": 1.0}, {"tflops": 1e-6}, {"tflops": 1e9}])
def test_the_slowest_and_the_fastest_device_have_hours(stated: dict[str, float]) -> None:
    assert math.isfinite(hardware("h100", **stated).hours(1e200))


def test_hours_and_flops_are_each_others_inverse() -> None:
    device = hardware("a100", utilisation=1.0)
    assert device.flops(2) == 2 * 3600 * 312e12
    assert device.hours(device.flops(7)) == pytest.approx(7)
    assert hardware("a100").utilisation == 0.4
    assert hardware("", tflops=1).device.name == "device"


def test_a_sweep_trains_on_gpus_alone() -> None:
    assert {"h100", "mi300x", "t4"} <= set(GPUS)
    assert not any(name.startswith("tpu") for name in GPUS) and "tpu-v4" in DEVICES
    assert DEVICES["h100"].memory == 80 * 10**9
