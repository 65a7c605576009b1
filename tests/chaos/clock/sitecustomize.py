"""Makes the wall clock of every Python process jump once a file says by how many seconds; monotonic clocks go on."""

import os
import time

_path = os.environ.get("CHAOS_CLOCK")
_real, _monotonic = time.time, time.monotonic
_looked, _offset = 0.0, 0.0


def _time() -> float:
    global _looked, _offset
    if _monotonic() - _looked > 0.2:
        _looked = _monotonic()
        try:
            with open(_path) as file:  # noqa: PTH123 - starts with every process: no imports
                _offset = float(file.read())
        except (OSError, ValueError):
            pass
    return _real() + _offset


if _path:
    time.time = _time
