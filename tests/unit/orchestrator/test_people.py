from __future__ import annotations

import pytest

from orchestrator.people import AccountError, Actor, Role, check_name, digest_of, new_token


def test_tokens_are_long_differ_and_fit_a_header() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100 and all(len(token) >= 50 and token.isascii() and " " not in token for token in tokens)
    assert len({digest_of(token) for token in tokens}) == 100 and all(len(digest_of(token)) == 64 for token in tokens)


@pytest.mark.parametrize(("role", "owner", "may"), [(Role.ADMIN, "bob", True), (Role.SUBMITTER, "bob", False),
                                                   (Role.SUBMITTER, "ada", True), (Role.SUBMITTER, "", False)])  # fmt: skip
def test_an_owner_and_an_admin_may_change(role: Role, owner: str, may: bool) -> None:
    assert Actor("ada", role).may_change(owner) == may


def test_a_name_is_plain() -> None:
    assert check_name("ada.b_c-1", "user") == "ada.b_c-1"
    assert check_name("a" * 64, "user") == "a" * 64
    for name in ("A", "a" * 65, "-a", "", "a b"):
        with pytest.raises(AccountError, match=f"token '{name}': use lower-case"):
            check_name(name, "token")
