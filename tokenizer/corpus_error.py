"""What is wrong with a corpus: a key of the sweep file, a path, or the content of a file."""

from __future__ import annotations

from tokenizer.errors import ExpectedError


class CorpusError(ExpectedError, ValueError):
    """A corpus cannot be read; the message says where and what to do."""

    kind = "corpus"

    def __init__(self, message: str, key: str = "") -> None:
        """The message, after the key of `corpus` at fault if there is one."""
        super().__init__(f"corpus.{key} {message}" if key else message)
        self.key = key
        """Key of the sweep file's `corpus` whose value is at fault; empty where it is none of them."""
        self.message = message
        """The message without the key."""


class CorpusFileError(CorpusError):
    """A file of the corpus cannot be read. The message may quote it, so it is only for those who may read the file."""
