"""Linear algebra of test processes has one thread, set before numpy is loaded.

A fit limits itself to one, but tests call its parts, too, and more threads only wait for each other: on two busy cores
such tests took twenty times the processor's time.
"""

import os

BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""Variable that OpenBLAS reads when it is loaded; commands that tests start do not inherit it."""
os.environ[BLAS_THREADS] = "1"
