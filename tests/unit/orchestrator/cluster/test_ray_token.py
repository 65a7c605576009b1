"""The secret of a Ray of our own: made once, kept, and not used if others may know it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from orchestrator.cluster.ray_token import TOKEN_BYTES, ensure_token
from tokenizer.private import FolderError


def test_it_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "ray-token"
    before = os.umask(0)
    try:
        assert ensure_token(path) == path
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = path.read_text()
    assert len(bytes.fromhex(secret)) == TOKEN_BYTES
    assert ensure_token(path).read_text() == secret
    assert ensure_token(tmp_path / "other").read_text() != secret


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o644, 0o601])
def test_one_that_others_may_know_is_refused(tmp_path: Path, mode: int) -> None:
    path = ensure_token(tmp_path / "ray-token")
    path.chmod(mode)
    with pytest.raises(FolderError, match=f"{path} holds Ray's secret, and is not yours alone: remove it"):
        ensure_token(path)


def test_one_of_another_user_a_link_and_an_empty_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ensure_token(tmp_path / "ray-token")
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(FolderError, match="not yours alone"):
        ensure_token(tmp_path / "link")
    (tmp_path / "empty").touch(mode=0o600)
    with pytest.raises(FolderError, match="holds no secret"):
        ensure_token(tmp_path / "empty")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(FolderError, match="not yours alone"):
        ensure_token(path)
