"""What a page needs of a sweep: its law or why there is none, and the answer to what was typed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from orchestrator.api.desk import Desk
from orchestrator.api.opened import answer_to, open_sweep, status_of
from orchestrator.attempts import Outcome
from orchestrator.states import Cause, SweepState
from orchestrator.use_cases.background import Background
from orchestrator.use_cases.execution import Execution
from orchestrator.use_cases.submission import submit
from orchestrator.use_cases.workspace import Workspace
from orchestrator.web.question import Typed
from tests.unit.orchestrator.use_cases.homes import end, open_home, planned


def desk_of(workspace: Workspace) -> Desk:
    return Desk(workspace, Background(Execution(workspace)))


def test_an_opened_sweep_answers(workspace: Workspace) -> None:
    desk = desk_of(workspace)
    opened = asyncio.run(open_sweep(desk, "varied", ""))
    assert opened.variant == "qk_norm=True" and opened.fitted.law is not None
    assert opened.address("next") == "/sweeps/varied/next?variant=qk_norm%3DTrue"
    answer = asyncio.run(answer_to(desk, opened, Typed(flops="5×10¹²")))
    assert answer.reply is not None and answer.reply.prediction.loss == opened.fitted.law.predict(5e12).loss
    assert asyncio.run(answer_to(desk, opened, Typed())) == type(answer)()
    assert "is not a number" in asyncio.run(answer_to(desk, opened, Typed(flops="many"))).error


def test_without_a_law_the_answer_is_the_refusal_and_the_state_says_what_can_be_done(tmp_path: Path) -> None:
    workspace = open_home(tmp_path)
    first = workspace.store.runs_of(submit(workspace, planned()).id)[0]
    end(workspace, first.id, Outcome(Cause.CONFIGURATION, detail="no such field"))
    desk = desk_of(workspace)
    opened = asyncio.run(open_sweep(desk, "x", ""))
    answer = asyncio.run(answer_to(desk, opened, Typed(flops="1e12")))
    assert answer.error == opened.fitted.refusal != ""
    status = status_of(desk, opened.found, opened.name)
    assert (status.state, status.failed) == (SweepState.QUEUED, 1)
    assert [verb for verb, _ in status.actions] == ["pause", "cancel", "retry"]
