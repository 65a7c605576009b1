"""Who asks: the roles of accounts, the actor of a change, quotas, and tokens, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tokenizer.errors import ExpectedError

PREFIX: Final = "isoflop_"
"""Beginning of every token that isoflop makes, by which scanners for secrets find it."""
LONGEST_DAYS: Final = 36_500
"""Longest that a token which expires may last, days."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What accounts, groups and tokens may be called."""


class Forbidden(ExpectedError, PermissionError):
    """This user may not do that; nothing was done."""

    kind = "forbidden"


class AccountError(ExpectedError, ValueError):
    """An account, a group or a token cannot be made or changed as asked."""

    kind = "account"


class Role(StrEnum):
    """What an account may do; each role includes those before it."""

    READER = "reader"
    """Reads sweeps and asks for answers."""
    SUBMITTER = "submitter"
    """Plans and submits sweeps, and steers its own."""
    ADMIN = "admin"
    """Steers every sweep, and reads the audit log and everybody's ledger."""

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what another one may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks for a change, and from where."""

    name: str
    """Name of the account, or of the user who runs the command."""
    role: Role
    """What they may do."""
    address: str = "this machine"
    """Network address that the request came from; `this machine` for a command in the home itself."""
    request: str = ""
    """Id of the request, as in its answer's X-Request-ID; empty for a command."""

    def may_change(self, owner: str) -> bool:
        """Whether they may change what somebody owns."""
        return self.role is Role.ADMIN or self.name == owner


ITSELF: Final = Actor("isoflop", Role.ADMIN)
"""isoflop itself, such as when it pauses a sweep whose ceiling is reached."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account, or all accounts of a group together, may take; None is no quota."""

    flops: float | None = None
    """Training FLOPs in total."""
    seconds: float | None = None
    """Device-seconds in total."""
    sweeps: int | None = None
    """Unfinished sweeps at a time."""


def check_name(name: str, what: str) -> str:
    """A name of an account, a group or a token. Raises AccountError."""
    if not NAME.fullmatch(name):
        raise AccountError(
            f"{what} {name[:80]!r}: use lower-case letters, digits, `.`, `_` and `-`, at most 64 in all, beginning "
            "with a letter or digit"
        )
    return name


def new_token() -> str:
    """A new token: 256 random bits, which nobody guesses."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is stored of a token. A fast hash is enough, because the token has far more bits than a password."""
    return hashlib.sha256(token.encode()).hexdigest()
