"""Every program has a text of its own."""

from __future__ import annotations

from sweeps.programs.configuration import MEDIA_TYPES, configuration
from sweeps.programs.program import Program
from tests.unit.sweeps.programs.optima import optimum


def test_each_program_has_a_text_and_its_media_type() -> None:
    found = optimum()
    texts = {program: configuration(found, program) for program in Program}
    assert {program: text.splitlines()[0][:3] for program, text in texts.items()} == {
        Program.ISOFLOP: "# L",
        Program.LLAMA: "{",
        Program.NANOCHAT: "# L",
        Program.OLMO_CORE: "# L",
    }
    assert len(set(texts.values())) == 4 and set(MEDIA_TYPES) == set(Program)
