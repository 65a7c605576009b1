"""A process that does tasks of the steps: a line of JSON for each, and a line of JSON back."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from functools import partial
from typing import IO


def serve(asked: IO[str], answers: IO[str]) -> None:
    """Do tasks until the input ends; expected errors go back as text."""
    from tokenizer.stream.answers import answer_with
    from tokenizer.stream.steps import perform

    for line in asked:
        answers.write(answer_with(partial(perform, **json.loads(line))) + "\n")
        answers.flush()


def end_with(parent: int) -> None:
    """End this process once its parent is another: a killed one leaves none of its processes at work."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with, args=(int(sys.argv[2]),), daemon=True).start()
    sys.path[:] = json.loads(sys.argv[1])
    serve(sys.stdin, sys.stdout)
