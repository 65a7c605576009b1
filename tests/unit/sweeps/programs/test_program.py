"""The programs' names, as they are typed."""

from __future__ import annotations

from sweeps.programs.configuration import MEDIA_TYPES
from sweeps.programs.program import Program


def test_programs_are_named_as_they_are_typed_and_each_has_a_type_of_content() -> None:
    assert [str(program) for program in Program] == ["isoflop", "llama", "nanochat", "olmo-core"]
    assert set(MEDIA_TYPES) == set(Program)
