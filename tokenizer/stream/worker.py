"""A process that does tasks of the steps: a line of JSON for each, and a line of JSON back."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import IO


def serve(asked: IO[str], answers: IO[str]) -> None:
    """Do tasks until the input ends; expected errors go back as text."""
    from tokenizer.corpus_error import CorpusError, CorpusFileError
    from tokenizer.stream.steps import perform

    for line in asked:
        try:
            answer: dict[str, object] = {"result": perform(**json.loads(line))}
        except CorpusFileError as error:
            answer = {"file": error.message}
        except CorpusError as error:
            answer = {"corpus": error.message, "key": error.key}
        except OSError as error:
            answer = {"system": [error.errno, error.strerror or str(error), str(error.filename or "")]}
        answers.write(json.dumps(answer) + "\n")
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
