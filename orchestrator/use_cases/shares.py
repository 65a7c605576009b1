"""How many workers each GPU gets: as set, or as many as this machine was measured to train the fastest with."""

from __future__ import annotations

from orchestrator.scheduling.speed import workers_of_a_gpu
from orchestrator.settings import Settings, device_count
from orchestrator.use_cases.workspace import Workspace


def are_measured(settings: Settings) -> bool:
    """Whether shares of GPUs are calibration's choice: nobody has set them, and the GPUs are this machine's."""
    return settings.gpu_shares is None and settings.ray_address == "local"


def gpu_shares(workspace: Workspace, device: str) -> int:
    """Workers of each GPU, whose number is fixed while they live: enough for every shape that was measured so far.

    How many of them work at a time is each shape's own choice. Fewer workers than that are spread over the GPUs: Ray
    would put the shares of one GPU side by side before it uses the next.
    """
    settings = workspace.settings
    if device == "cpu" or not are_measured(settings):
        return settings.gpu_shares or 1
    worth = workers_of_a_gpu(workspace.store, device)
    return worth if settings.workers is None else min(worth, settings.workers // device_count(settings, device))
