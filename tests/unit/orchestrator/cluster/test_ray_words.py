"""Ray's errors in few words."""

from __future__ import annotations

import pytest

from orchestrator.cluster.ray_words import first_line, node_died, short_of_memory

LOW = """Task was killed due to the node running low on memory.
Memory on the node (IP: 10.0.0.1, ID: 93c0) where the task (actor ID: 5, name=Worker.location, pid=7) was running was
3.10GB / 3.20GB (0.96), which exceeds the memory usage threshold of 0.95. Ray killed this worker (ID: 3f) because it was
the most recently scheduled task; to see more information about memory usage on this node, use `ray logs raylet.out`."""


def test_want_of_memory_is_a_sentence_with_what_was_in_use() -> None:
    words = "the machine's memory ran short, and Ray ended the worker"
    assert short_of_memory(ValueError(LOW)) == f"{words}: 3.10GB / 3.20GB were in use"
    assert short_of_memory(ValueError("Ray changed its text")) == words


@pytest.mark.parametrize(
    ("text", "line"), [("", "ValueError"), ("  one\n\ttwo", "ValueError: one"), ("one", "ValueError: one")]
)
def test_an_error_is_named_with_its_first_line(text: str, line: str) -> None:
    assert first_line(ValueError(text)) == line


def test_a_node_that_died_is_in_the_text() -> None:
    assert node_died(ValueError("The actor died because its node has died.")) and not node_died(ValueError("killed"))
