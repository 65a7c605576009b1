"""Exact-duplicate removal by content hash."""

from __future__ import annotations

import hashlib


def content_digest(text: str) -> bytes:
    """SHA-256 of the text's UTF-8 bytes, 32 bytes: a document's identity."""
    return hashlib.sha256(text.encode()).digest()


class ExactDuplicates:
    """Remembers the digests it has admitted, and counts those that came again."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self.found = 0
        """Documents refused because an identical one came before."""

    def admit(self, digest: bytes) -> bool:
        """Whether the digest is new; it is remembered."""
        if digest in self._seen:
            self.found += 1
            return False
        self._seen.add(digest)
        return True
