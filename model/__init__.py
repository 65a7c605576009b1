"""Token shards → one loss: one training run, with torch and numpy alone.

`python -m model…` puts the working folder first on Python's path, where a file of the user's may be called tokenizer.py
or torch.py. While such a command looks for its module, the folder gives way to the one that holds this package.
"""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parent.parent)

if sys.argv[:1] == ["-m"]:
    if not sys.flags.safe_path:
        del sys.path[0]
    sys.path.insert(0, _ROOT)
