"""One thread for the linear algebra of a fit: its matrices are so small that more only wait for each other."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """While it is entered, BLAS uses one thread. With two on busy cores a fit took a hundred times as long."""
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> ThreadpoolController:
    """The BLAS libraries of this process: finding them takes milliseconds."""
    return ThreadpoolController()
