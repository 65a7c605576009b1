"""Names of folders and files in an artifact store, the same for a local folder and for a URL."""

from __future__ import annotations

DATASETS = "artifacts"
"""Folder of the datasets, one folder each."""
RUNS = "runs"
"""Folder of event logs, checkpoints and final weights, one folder a run."""
TRUNKS = "trunks"
"""Folder of the states that runs share, one folder a trunk."""
IMPLEMENTATIONS = "implementations"
"""Folder of the implementations that machines have chosen."""
PREPARATIONS = "preparations"
"""Folder of what lies between the steps of preparations whose machines share no folder."""
MANIFEST = "manifest.json"
"""File of a dataset that describes it."""
WEIGHTS = "final.ckpt"
"""File of a finished run's weights."""

KeptStates = dict[str, dict[str, int]]
"""States that an artifact store keeps: by trunk, then bytes by name (see `model.trunk_states.state_name`)."""
