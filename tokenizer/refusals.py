"""What happens to a document that cannot be taken: the reading stops at it, or goes on and counts it."""

from __future__ import annotations

from collections import Counter

from tokenizer.corpus_error import CorpusFileError

CHOICES = ("error", "skip")
"""Values of `corpus.invalid`."""


class Refusals:
    """Documents and files that were left out because they are not valid, by reason."""

    def __init__(self, *, skip: bool = False) -> None:
        """Whether to go on."""
        self._skip = skip
        self.counts: Counter[str] = Counter()
        """How often each reason came."""

    def refuse(self, reason: str, message: str) -> None:
        """Count a document under a reason. Raises CorpusFileError with the message unless it is to be skipped."""
        if not self._skip:
            raise CorpusFileError(message)
        self.counts[reason] += 1

    def end_file(self, error: CorpusFileError) -> None:
        """Count a file that cannot be read on. Raises the error unless it is to be skipped."""
        if not self._skip:
            raise error
        self.counts["rest of a damaged file"] += 1
