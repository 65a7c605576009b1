"""Provenance: the facts behind an answer, and how they are listed."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import replace

from orchestrator.use_cases.provenance import PACKAGES, provenance_of
from orchestrator.use_cases.sweep_answers import CONVENTION
from tests.unit.orchestrator.report_fixtures import law
from tests.unit.orchestrator.use_cases.simulated import FACTS, simulated_answers


def test_facts_come_from_sweep_law_and_machine() -> None:
    answers = simulated_answers()
    answers.runs = [replace(run, device=["b", "a", None][index % 3]) for index, run in enumerate(answers.runs)]
    found = provenance_of(answers, replace(law(), convention=CONVENTION))
    assert (found.sweep, found.dataset, found.law) == ("s@abcd", FACTS.dataset, law().law_id)
    assert found.convention == CONVENTION and found.devices == ("a", "b")
    assert platform.machine() in found.machine and platform.python_version() in found.machine
    assert list(found.versions) == list(PACKAGES)
    assert found.versions["torch"] == importlib.metadata.version("torch")


def test_the_list_names_each_fact_and_each_package() -> None:
    found = provenance_of(simulated_answers(), law())
    rows = dict(found.rows())
    assert list(rows) == ["sweep", "dataset", "law", "convention", "device", "machine", *PACKAGES]
    assert rows["device"] == "cpu" and rows["ray"] == importlib.metadata.version("ray")
    assert dict(replace(found, devices=()).rows())["device"] == "unknown"
    assert dict(replace(found, devices=("x", "y")).rows())["device"] == "x, y"
