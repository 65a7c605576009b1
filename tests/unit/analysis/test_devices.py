"""Devices: found however their names are written, matched to drivers and Ray, and worth what a data sheet says."""

from __future__ import annotations

import pytest

from analysis.devices import DEVICES, hardware
from analysis.records import QuestionError


def test_devices_are_found_by_the_names_people_write() -> None:
    for written, name in (("NVIDIA H100", "h100"), ("RTX 4090", "rtx4090"), ("tpu_v5e", "tpu-v5e"), ("A100", "a100")):
        assert hardware(written).device is DEVICES[name]
    assert hardware("mine", tflops=50).flops(2) == pytest.approx(2 * 3600 * 50e12 * 0.4)
    with pytest.raises(QuestionError, match=r"did you mean h200\?\); known: v100.*device-tflops"):
        hardware("h20")
    for bad in ({"utilisation": 1.5}, {"utilisation": 0.0}, {"tflops": -1.0}):
        with pytest.raises(QuestionError):
            hardware("h100", **bad)
    assert all(1e13 < device.peak < 1e16 and device.source for device in DEVICES.values())
