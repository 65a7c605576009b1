"""What each way to fail says about the run."""

from __future__ import annotations

import errno

from orchestrator.cluster.causes import outcome_of
from orchestrator.errors import ArtifactsAway
from orchestrator.states import Cause


def test_a_full_disk_is_no_mistake_of_the_run() -> None:
    assert outcome_of(OSError(errno.ENOSPC, "No space left on device"), "cpu").cause is Cause.DISK_FULL
    assert outcome_of(OSError(errno.EIO, "I/O error"), "cpu").cause is Cause.CODE
    assert outcome_of(MemoryError("one sequence does not fit"), "cuda").micro_batch == 1


def test_out_of_memory_is_final_only_alone_on_a_gpu() -> None:
    """On a GPU training has tried every micro-batch down to one sequence before it gives up; a share is no device."""
    full = MemoryError("one sequence does not fit")
    assert outcome_of(full, "cuda", 1.0).micro_batch == 1
    assert [outcome_of(full, "cuda", share).micro_batch for share in (0.5, 0.25, 0.99)] == [None, None, None]
    assert outcome_of(full, "cpu", 1.0).micro_batch is None
    assert {outcome_of(full, device, 0.5).cause for device in ("cpu", "cuda")} == {Cause.OUT_OF_MEMORY}


def test_an_artifact_store_that_does_not_answer_loses_an_attempt_and_blames_no_run() -> None:
    outcome = outcome_of(ArtifactsAway("put_file failed 6 times"), "cpu")
    assert (outcome.cause, outcome.detail) == (Cause.LOST, "put_file failed 6 times")
