"""What an exception that ended an attempt says about it: its cause, and whether the run is at fault."""

from __future__ import annotations

import traceback

from orchestrator.attempts import Outcome
from orchestrator.cluster.patient_files import FULL
from orchestrator.errors import ArtifactsAway
from orchestrator.states import Cause


def outcome_of(error: Exception, device: str, share: float = 1.0) -> Outcome:
    """The outcome of an attempt that an exception ended, on a `share` of the device."""
    from model.batches import DataError
    from model.config import ConfigError
    from model.train import Diverged, Interrupted
    from tokenizer.shards import ShardError

    trace = "".join(traceback.format_exception(error))
    match error:
        case Diverged():
            return Outcome(Cause.DIVERGED, detail=str(error))
        case Interrupted():
            return Outcome(Cause.PREEMPTED, detail=str(error))
        case ConfigError() | DataError() | ShardError():
            return Outcome(Cause.CONFIGURATION, detail=trace)
        case ArtifactsAway():  # no fault of the run: another attempt goes on from its checkpoint
            return Outcome(Cause.LOST, detail=str(error))
        case OSError() if error.errno in FULL:
            return Outcome(Cause.DISK_FULL, detail=str(error))
        case MemoryError():
            # On a GPU training has already halved its micro-batches down to one sequence: alone on it nothing helps.
            last = device != "cpu" and share == 1.0
            return Outcome(Cause.OUT_OF_MEMORY, detail=str(error), micro_batch=1 if last else None)
        case RuntimeError() if _is_out_of_cpu_memory(error):
            return Outcome(Cause.OUT_OF_MEMORY, detail=str(error))
    return Outcome(Cause.CODE, detail=trace)


def _is_out_of_cpu_memory(error: RuntimeError) -> bool:
    """Whether torch could not allocate memory on the CPU. For that it has no type of error, only this text."""
    return "DefaultCPUAllocator" in str(error)
