"""A question as it is typed and as it stands in an address."""

from __future__ import annotations

import pytest

from analysis.records import QuestionError
from orchestrator.web.question import LONGEST, Typed, device_names


def test_a_question_is_its_address() -> None:
    typed = Typed.of({"flops": " 3×10¹¹ ", "max_tokens": "2 M", "variant": "lr=1", "params": ""})
    assert typed == Typed(flops="3×10¹¹", max_tokens="2 M") and typed.asked
    assert typed.encoded == "flops=3%C3%9710%C2%B9%C2%B9&max_tokens=2+M"
    question = typed.question()
    assert (question.flops, question.max_tokens) == (pytest.approx(3e11), pytest.approx(2e6))
    assert typed.options == [("--flops", "3e+11"), ("--max-tokens", "2e+06")]
    assert len(Typed.of({"flops": "1" * 999}).flops) == LONGEST
    assert not Typed(device="h100").asked and not Typed().asked


def test_hours_are_those_of_a_device() -> None:
    hardware = Typed(gpu_hours="2", device="h100").question().hardware
    assert hardware is not None and hardware.device.name == "h100" and "h100" in device_names()
    with pytest.raises(QuestionError, match="need a device"):
        Typed(gpu_hours="2").question()


def test_nonsense_is_refused_and_stays_as_it_was_typed() -> None:
    with pytest.raises(QuestionError, match="'many' is not a number: type a budget in FLOPs, such as 1e15"):
        Typed(flops="many").question()
    with pytest.raises(QuestionError, match="each fix the budget"):
        Typed(flops="1e12", loss="3").question()
    assert Typed(flops="1; rm", device="h100").options == [("--flops", "1; rm"), ("--device", "h100")]
