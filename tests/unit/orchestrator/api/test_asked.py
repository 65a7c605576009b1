"""The question in a query: every parameter reaches it, and a device is needed where one is used."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from analysis.devices import DEVICES
from analysis.records import QuestionError
from orchestrator.api.asked import Asked


def test_every_parameter_reaches_the_question() -> None:
    names = ("flops", "gpu_hours", "loss", "params", "tokens", "max_tokens", "inference_tokens")
    question = Asked(**{name: float(index) for index, name in enumerate(names, start=1)}, too_small=9.0).question()
    assert [getattr(question, name) for name in names] == [float(index) for index in range(1, 8)]
    assert question.times_too_small == 9.0
    assert question.hardware is None


def test_a_device_is_known_by_its_name_or_its_peak() -> None:
    named = Asked(flops=1.0, device="h100", mfu=0.3).question().hardware
    assert named is not None and named.utilisation == 0.3
    assert named.device.peak == DEVICES["h100"].peak
    given = Asked(flops=1.0, device_tflops=100.0).question().hardware
    assert given is not None and given.device.peak == 1e14
    with pytest.raises(QuestionError):
        Asked(flops=1.0, device="abacus").question()


def test_a_utilisation_needs_a_device() -> None:
    with pytest.raises(QuestionError, match="`mfu` needs a device: give `device` or `device_tflops`"):
        Asked(flops=1.0, mfu=0.3).question()


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(ValidationError, match="maxtokens"):
        Asked.model_validate({"flops": 1.0, "maxtokens": 5})
    assert Asked(flops=1.0).variant == ""


def test_every_parameter_is_described() -> None:
    assert all(field.description for name, field in Asked.model_fields.items()), "shown in the OpenAPI document"
