"""Finds exact duplicates of documents by their content hash."""

from __future__ import annotations

import hashlib


def content_digest(text: str) -> bytes:
    """SHA-256 of the text's UTF-8 bytes, 32 bytes: a document's identity."""
    return hashlib.sha256(text.encode()).digest()


class ExactDuplicates:
    """Remembers the digests that it has seen, and counts those that come again."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._seen: set[bytes] = set()
        self.found = 0
        """Number of documents that equal an earlier one."""

    def admit(self, digest: bytes) -> bool:
        """Whether the digest is new. Remembers it."""
        if digest in self._seen:
            self.found += 1
            return False
        self._seen.add(digest)
        return True
