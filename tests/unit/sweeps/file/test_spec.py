"""The schema's own rules: numbers and devices in one form."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.file.check import checked
from sweeps.file.problem import SweepError
from sweeps.file.spec import SizesSpec, SweepSpec
from sweeps.plan.plan import make_plan
from sweeps.plan.records import DataFacts

GOOD: dict[str, Any] = {"name": "good", "budgets": (1e11, 3e11, 1e12)}


def test_a_spec_with_only_name_and_budgets_is_good_and_normalised() -> None:
    spec = SweepSpec(name="x", budgets=[1e11, 2e11], sizes=SizesSpec(params=[10, 20]))  # type: ignore[arg-type]
    assert spec.budgets == (1e11, 2e11)
    assert spec.sizes.params == (10, 20)


def test_a_kind_of_device_is_known_however_it_is_written_and_enters_no_run() -> None:
    kinds = {"auto": "auto", "cpu": "cpu", "cuda": "cuda", "H100": "h100", "NVIDIA A100-80GB": "a100-80g"}
    specs = {device: SweepSpec(**GOOD, device=device) for device in kinds}
    assert {device: spec.kind for device, spec in specs.items()} == kinds
    runs = [{r.run_id for r in make_plan(spec, DataFacts("d", 1024, 10**9, 10**6)).runs} for spec in specs.values()]
    assert runs[0] and all(ids == runs[0] for ids in runs)
    with pytest.raises(SweepError, match=r"choose one of auto, cpu, cuda, or a GPU: v100.*h200"):
        checked(SweepSpec(**GOOD, device="h10"))
