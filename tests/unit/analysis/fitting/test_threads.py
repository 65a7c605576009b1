"""One thread for linear algebra: within the block alone."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from analysis.fitting.threads import one_thread


def threads() -> set[int]:
    return {int(library["num_threads"]) for library in threadpool_info() if library["user_api"] == "blas"}


def test_the_limit_holds_within_the_block_and_is_lifted_after_it() -> None:
    with threadpool_limits(2, user_api="blas"):
        assert threads() == {2}
        with one_thread():
            assert threads() == {1}
        assert threads() == {2}


def test_it_is_lifted_after_an_error_too() -> None:
    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(ZeroDivisionError), one_thread():
            _ = 1 / 0
        assert threads() == {2}
