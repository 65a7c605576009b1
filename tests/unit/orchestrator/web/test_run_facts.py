"""A run in words: what is known of it, how it is trained, its attempts and its log."""

from __future__ import annotations

from orchestrator.web.run_facts import LINES, attempts, configuration, facts, log_lines

RUN = {
    "state": "done",
    "loss": 3.21456,
    "flops": 1e11,
    "seconds": 75.0,
    "error": None,
    "config": {"model": {"d_model": 10, "qk_norm": True}, "train": {"lr": 0.01}, "dataset": "d"},
    "attempts": [
        {"number": 1, "worker": "worker-0", "started_at": 0.0, "seconds": 4.2, "cause": "lost", "detail": "gone"},
        {"number": 2, "worker": "worker-1", "started_at": 60.0, "seconds": None, "cause": None, "detail": None},
    ],
}


def test_facts_have_their_units_and_what_is_unknown_is_left_out() -> None:
    shown = {fact.name: fact.text for fact in facts(RUN)}
    assert shown == {"state": "done", "loss": "3.215", "training FLOPs": "10¹¹", "training time": "1 min 15 s"}
    assert [(fact.name, fact.text) for fact in configuration(RUN)] == [
        ("model.d_model", "10"), ("model.qk_norm", "True"), ("train.lr", "0.01"), ("dataset", "d")
    ]  # fmt: skip


def test_losses_on_further_sets_stand_behind_the_loss() -> None:
    scores = {"wiki": {"loss": 2.5, "bits_per_byte": 1.25, "tokens": 9}}
    shown = [(fact.name, fact.text) for fact in facts(RUN | {"result": {"sets": scores}})]
    assert shown[1:4] == [("loss", "3.215"), ("loss.wiki", "2.500"), ("bits per byte.wiki", "1.250")]


def test_an_open_attempt_is_in_training() -> None:
    lost, running = attempts(RUN)
    assert (lost.cause, lost.detail, lost.seconds) == ("lost", "gone", "4 s")
    assert (running.cause, running.detail, running.seconds) == ("in training", "", "–")
    assert running.started == "1970-01-01 00:01:00 UTC"


def test_the_log_has_the_latest_first_without_what_is_for_machines() -> None:
    events = [{"kind": "attempt", "number": 1}]
    events += [{"attempt": 1, "kind": "progress", "step": step, "loss": 4.5, "pid": 7} for step in range(LINES + 5)]
    lines = log_lines(events)
    assert len(lines) == LINES and lines[0].text == f"step {LINES + 4}, loss 4.500"
    assert {line.kind for line in lines} == {"progress"}
