"""Which artifact store a URL means, and that both kinds keep the same promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.trunk_states import state_name
from orchestrator.cluster.artifact_store import ArtifactStore, open_artifacts, scratch_folder
from orchestrator.cluster.local_artifacts import LocalArtifacts
from orchestrator.cluster.remote_artifacts import RemoteArtifacts
from tokenizer.private import FolderError


@pytest.fixture(params=["local", "memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ArtifactStore]:
    if request.param == "local":
        yield open_artifacts(str(tmp_path))
        return
    import fsspec

    url = f"memory://bucket{tmp_path.name}" if request.param == "memory" else f"file://{tmp_path}/remote"
    yield open_artifacts(url, tmp_path / "scratch")
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()


def elsewhere(store: ArtifactStore, folder: Path) -> ArtifactStore:
    """The same store as another machine sees it."""
    return open_artifacts(store.url, folder)


def test_a_path_is_a_local_folder_and_a_url_is_remote(tmp_path: Path) -> None:
    assert isinstance(open_artifacts(str(tmp_path)), LocalArtifacts)
    remote = open_artifacts("memory://bucket/folder/", tmp_path)
    assert isinstance(remote, RemoteArtifacts)
    assert (remote.url, remote.scratch) == ("memory://bucket/folder", tmp_path)


def test_scratch_is_set_or_the_users_own_and_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert scratch_folder({"ISOFLOP_SCRATCH": "/fast"}) == Path("/fast")
    assert scratch_folder({}).name.startswith("isoflop-scratch-")
    monkeypatch.setenv("ISOFLOP_SCRATCH", str(tmp_path / "new" / "other"))
    assert open_artifacts("memory://bucket").scratch == tmp_path / "new" / "other"
    assert (tmp_path / "new" / "other").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("planted", ["open to all", "a link"])
def test_a_scratch_folder_that_others_may_have_filled_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, planted: str
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = scratch_folder({})
    if planted == "a link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    monkeypatch.delenv("ISOFLOP_SCRATCH", raising=False)
    with pytest.raises(FolderError, match=rf"{folder.name}.*set ISOFLOP_SCRATCH"):
        open_artifacts("memory://bucket")


def test_an_attempt_is_logged_for_another_machine(store: ArtifactStore, tmp_path: Path) -> None:
    assert store.events("run", 1) == []
    log = store.log("run", 1)
    events = [{"kind": "attempt"}, {"kind": "progress", "step": 1}, {"kind": "end", "loss": 2.0}]
    for event in events:
        log.append(event)
    log.close()
    other = elsewhere(store, tmp_path / "other")
    assert other.events("run", 1) == events
    assert other.events("run", 2) == [] == other.events("other", 1)


def test_states_are_kept_listed_and_dropped(store: ArtifactStore, tmp_path: Path) -> None:
    names = [state_name(step, {}) for step in (10, 20)]
    for trunk in ("a", "b"):
        for step in (10, 20):
            store.trunk(trunk, (10, 20)).keep({"step": step, "choice": {}})
    other = elsewhere(store, tmp_path / "other")
    assert {trunk: sorted(found) for trunk, found in other.states().items()} == {"a": sorted(names), "b": sorted(names)}
    assert list(other.states("a")) == ["a"] and other.states("nothing") == {}
    assert all(size > 0 for size in other.states("a")["a"].values())
    other.drop_states("a", [names[0], "never there"])
    assert list(store.states("a")["a"]) == [names[1]]
    other.drop_states("a", [names[1]])
    assert list(store.states()) == ["b"]


def test_the_first_choice_of_a_kind_of_machine_is_binding(store: ArtifactStore, tmp_path: Path) -> None:
    def choosing(name: str):
        def choose(folder: Path) -> str:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / "key.json"
            if not path.exists():
                path.write_text(json.dumps(name))
            return str(json.loads(path.read_text()))

        return choose

    assert store.choice(choosing("first")) == "first"
    assert elsewhere(store, tmp_path / "other").choice(choosing("second")) == "first"
