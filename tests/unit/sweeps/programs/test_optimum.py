"""The facts of a recommended run, and the fields that a program does not share."""

from __future__ import annotations

from dataclasses import replace

from model.config import ModelConfig
from sweeps.programs.optimum import comments, unshared
from tests.unit.sweeps.programs.optima import optimum


def test_the_comments_say_what_is_recommended_and_what_is_left_out() -> None:
    found = optimum()
    lines = comments(found, ["the text"]).splitlines()
    assert all(line.startswith("# ") for line in lines)
    assert lines[0].endswith("at 3×10¹² training FLOPs, by isoflop from the runs of t@abcd")
    run = found.planned
    assert (
        f"{run.steps:,} steps of {run.batch_tokens:,} tokens" in lines[1] and "epochs of the sweep's text" in lines[1]
    )
    assert lines[2:] == [
        "# expected loss: 3.210 nats/token, of one run 3.200 to 3.220",
        "# hours: 2.5 on an h100 at 40 % of its peak",
        "# Beware.",
        "# not carried over: the text",
    ]
    unknown = list(replace(found, hours=None, run_interval=None).facts())
    assert unknown[2:] == ["expected loss: 3.210 nats/token", "Beware."]


def test_only_fields_that_a_program_lacks_and_that_are_set_are_named() -> None:
    model = ModelConfig(64, 32, 16, 2, 2, 32, mlp="gelu", biases=True, norm_weights=True)
    shared = frozenset(("vocab", "context", "d_model", "n_layers", "n_heads", "norm_weights"))
    assert list(unshared(model, "model", shared)) == ["model.d_ff = 32", "model.mlp = gelu", "model.biases = true"]
