"""Runs on several devices or numerics are flagged, one kind is not."""

from __future__ import annotations

import pytest

from analysis.table.table import RunTable
from tests.unit.analysis.table.frames import frame


def mixed(column: str, values: list[object]) -> list[str]:
    data = frame().assign(**{column: (values * 15)[:15]})
    return [warning for warning in RunTable.from_frame(data).warnings if "arithmetic" in warning]


def test_runs_of_several_devices_or_numerics_are_flagged_with_how_many_of_each() -> None:
    (told,) = mixed("device", ["NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB"])
    assert "several kinds of device: 10 on NVIDIA H100 80GB HBM3 and 5 on NVIDIA A100-SXM4-80GB" in told
    (told,) = mixed("numerics", ["bf16", "bf16", "bf16", "bf16", "fp32"])
    assert "several numerics profiles: 12 with bf16 and 3 with fp32" in told
    (told,) = mixed("device", ["H100", "A100", None])
    assert "5 on H100, 5 on A100 and 5 unknown" in told


@pytest.mark.parametrize("values", [["H100"], ["H100", None], ["cuda:0", "cuda:1"], [0, 1], [None], [" H100", "H100 "]])
def test_one_kind_of_device_is_not_flagged(values: list[object]) -> None:
    assert mixed("device", values) == []


def test_runs_that_enter_no_fit_flag_nothing_and_warnings_change_no_identity() -> None:
    data = frame().assign(state="done", device="H100")
    data.loc[3, ["state", "device"]] = ["failed", "A100"]
    pure = RunTable.from_frame(data)
    assert not [warning for warning in pure.warnings if "arithmetic" in warning]
    data.loc[4, "device"] = "A100"
    table = RunTable.from_frame(data)
    assert table.digest == pure.digest and len(table.warnings) == len(pure.warnings) + 1
