"""Runs on several devices or numerics are flagged, one kind is not."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.table.mixture import mixed_kinds
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


def test_kinds_come_by_their_number_and_rare_ones_are_summed_up() -> None:
    many = pd.DataFrame({"device": ["a"] * 3 + ["b"] * 5 + list("cdefgh")})
    (warning,) = mixed_kinds(many)
    assert "5 on b, 3 on a, 1 on c, 1 on d, 1 on e, 1 on f and 2 on others" in warning
    assert mixed_kinds(many.assign(device="a")) == []


def test_both_columns_are_looked_at() -> None:
    both = pd.DataFrame({"device": ["a", "b"], "numerics": ["fp32", "bf16"]})
    device, numerics = mixed_kinds(both)
    assert device.startswith("The runs were trained on several kinds of device: 1 on a and 1 on b.")
    assert numerics.startswith("The runs have several numerics profiles: 1 with fp32 and 1 with bf16.")
