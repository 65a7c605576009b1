"""What a process answers about a task, as a line of JSON: its result, or an expected error."""

from __future__ import annotations

import json
from collections.abc import Callable

from tokenizer.corpus_error import CorpusError, CorpusFileError


def answer_with(act: Callable[[], str]) -> str:
    """A line that holds what `act` returns, or the CorpusError or OSError that it raises."""
    try:
        answer: dict[str, object] = {"result": act()}
    except CorpusFileError as error:
        answer = {"file": error.message}
    except CorpusError as error:
        answer = {"corpus": error.message, "key": error.key}
    except OSError as error:
        answer = {"system": [error.errno, error.strerror or str(error), str(error.filename or "")]}
    return json.dumps(answer)


def result_of(line: str) -> str:
    """The result that such a line holds. Raises CorpusError, OSError as it says."""
    answer = json.loads(line)
    if "file" in answer:
        raise CorpusFileError(answer["file"])
    if "corpus" in answer:
        raise CorpusError(answer["corpus"], answer["key"])
    if "system" in answer:
        number, why, name = answer["system"]
        raise OSError(number, why, name)
    result: str = answer["result"]
    return result
