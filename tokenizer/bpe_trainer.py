"""Trains byte-level BPE, here or in a process of its own: nothing can interrupt the native trainer, but a kill."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

POLL = 0.5
"""Seconds between two looks at the trainer's process."""
ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR", "RAYON_NUM_THREADS")
"""Variables that the trainer's process inherits."""
_LENGTH = struct.Struct("<Q")
"""How the length of a text is written before its UTF-8 bytes."""


class TrainerDied(RuntimeError):
    """The trainer's process ended without a tokenizer."""


def train_bpe(texts: Iterable[str], vocab: int, bos: str) -> str:
    """The content of tokenizer.json: the most frequent merges of the texts, up to `vocab` entries with `bos`."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as ByteLevelDecoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocab,
        special_tokens=[bos],
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str()


def train_bpe_apart(texts: Iterable[str], vocab: int, bos: str, tick: Callable[[], None]) -> str:
    """`train_bpe` in a process of its own, which an interrupt of this one kills; `tick` is called now and then.

    Raises TrainerDied.
    """
    # By path and isolated: the user's modules, the current folder and PYTHON* variables cannot change what runs.
    command = [sys.executable, "-I", str(Path(__file__)), json.dumps(sys.path), str(vocab), bos]
    with tempfile.TemporaryFile() as result:
        # A session of its own: Ctrl-C of the terminal reaches this process alone, which then kills the trainer.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=result, start_new_session=True, env=_environment()
        )
        try:
            assert process.stdin is not None
            _send(process.stdin, texts, tick)
            while (code := _wait(process)) is None:
                tick()
        finally:
            process.kill()
            process.wait()
        if code:
            raise TrainerDied(f"signal {-code}" if code < 0 else f"exit code {code}")
        result.seek(0)
        return result.read().decode()


def _environment() -> dict[str, str]:
    """What the trainer's process needs of the environment, without the secrets in it."""
    return {name: value for name, value in os.environ.items() if name in ENVIRONMENT}


def _send(stream: IO[bytes], texts: Iterable[str], tick: Callable[[], None]) -> None:
    """Write every text to the trainer and close the stream; a trainer that died shows in its exit code."""
    with contextlib.suppress(BrokenPipeError), stream:
        for text in texts:
            raw = text.encode()
            stream.write(_LENGTH.pack(len(raw)) + raw)
            tick()


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code; None while the process is running."""
    try:
        return process.wait(POLL)
    except subprocess.TimeoutExpired:
        return None


def _received(stream: IO[bytes]) -> Iterator[str]:
    """The texts that another process sends."""
    while head := stream.read(_LENGTH.size):
        yield stream.read(*_LENGTH.unpack(head)).decode()


def main(arguments: list[str]) -> None:
    """The trainer's process: [module path as JSON, vocab, BOS]; texts come from stdin, the tokenizer goes to stdout."""
    paths, vocab, bos = arguments
    sys.path[:] = json.loads(paths)
    sys.stdout.buffer.write(train_bpe(_received(sys.stdin.buffer), int(vocab), bos).encode())


if __name__ == "__main__":
    main(sys.argv[1:])
