"""What the paths of a corpus stand for, and which of them somebody may name over the network."""

from __future__ import annotations

import contextlib
import gzip
import os
from pathlib import Path

import pytest

from tests.unit.tokenizer.tokenizer_data import texts_of, write_jsonl
from tokenizer import files
from tokenizer.corpus import CorpusError, CorpusSpec, read_documents
from tokenizer.files import Reach


def test_gzip_and_globs(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write('{"text": "gzipped"}\n\n')
    (tmp_path / "deep").mkdir()
    write_jsonl(tmp_path / "deep/b.jsonl", ["deep"])
    write_jsonl(tmp_path / "deep/c.other", ["other"])
    glob = CorpusSpec(source="jsonl", paths=(str(tmp_path / "**/*"), str(tmp_path / "deep/b.jsonl")))
    assert texts_of(read_documents(glob)) == {"gzipped", "deep", "other"}
    assert texts_of(read_documents(CorpusSpec(source="jsonl", paths=(str(tmp_path),)))) == {"gzipped", "deep"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.txt", r"nowhere\.txt does not exist \(looked in "),
        ("*.nothing", r"the glob .*\*\.nothing matches no file"),
        ("", r"holds no \.txt, \.md, .* file; name a glob"),
    ],
)
def test_paths_that_lead_nowhere(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read_documents(CorpusSpec(source="text", paths=(str(tmp_path / name),)))


def test_paths_stand_for_files_once_and_sorted(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "c.jsonl", "d.txt.gz", "sub/e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = files.files_of("text", (str(tmp_path), str(tmp_path / "b.txt"), str(tmp_path / "*.md")))
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.md", "b.txt", "d.txt.gz", "sub/e.txt"]
    assert files.files_of("text", (str(tmp_path / "c.jsonl"),)) == [tmp_path / "c.jsonl"], (
        "a named file is taken as it is"
    )


@pytest.mark.timeout(20)
def test_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_jsonl(tmp_path / "data/a.jsonl", ["one"])
    for link in ("up", "again", "third"):
        (tmp_path / "data" / link).symlink_to(tmp_path)
    for paths in (("data/**/*.jsonl",), ("**",), ("data",)):
        found = files.files_of("jsonl", tuple(str(tmp_path / path) for path in paths))
        assert [path.relative_to(tmp_path) for path in found] == [Path("data/a.jsonl")]


def test_a_folder_of_packed_files_says_so(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.jsonl.xz").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"holds no .*; files such as a\.jsonl\.xz must be decompressed first"):
        files.files_of("jsonl", (str(tmp_path),))


def test_globs_leave_out_hidden_names_unless_they_name_them(tmp_path: Path) -> None:
    for name in (".hidden/a.txt", "seen/.b.txt", "seen/c.txt", "seen/deep/d.txt", "seen/e[1].txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(b"")
    expected = {
        "**/*.txt": ["seen/c.txt", "seen/deep/d.txt", "seen/e[1].txt"],
        "*/*.txt": ["seen/c.txt", "seen/e[1].txt"],
        ".h*/*": [".hidden/a.txt"],
        "seen/**": ["seen/c.txt", "seen/deep/d.txt", "seen/e[1].txt"],
        "s??n/[cd]*": ["seen/c.txt"],
        "seen/e[1].txt": ["seen/e[1].txt"],
        "**/deep/*": ["seen/deep/d.txt"],
    }
    for pattern, names in expected.items():
        found = files.files_of("text", (str(tmp_path / pattern),))
        assert [str(path.relative_to(tmp_path)) for path in found] == names, pattern


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pipe", "pipe is not a regular file; name regular files, folders or globs"),
        ("broken", "broken is a link to nothing"),
        ("x" * 5_000, "cannot be read: File name too long"),
        ("a\0b", "does not exist|cannot be read: .*null"),
        ("~nobody-of-that-name/a.txt", "names the home of nobody on this machine"),
        ("**/nothing", "matches no file"),
        ("nothing://bucket/*.txt", "Protocol not known: nothing"),
    ],
)
def test_what_is_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("broken").symlink_to("nowhere")
    with pytest.raises(CorpusError, match=message):
        files.files_of("text", (name,))


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reach:
    """A folder that is open, with links that lead out of it, beside one that is not."""
    for name in ("open/a.txt", "open/.secret/b.txt", "open/home/c.txt", "shut/d.txt", "open-not/e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "open/file-link.txt").symlink_to(tmp_path / "shut/d.txt")
    (tmp_path / "open/folder-link").symlink_to(tmp_path / "shut")
    (tmp_path / "open/like-a-glob[1].txt").symlink_to(tmp_path / "shut/d.txt")
    (tmp_path / "open/folder[1]").symlink_to(tmp_path / "shut")
    (tmp_path / "open/inner-link.txt").symlink_to("a.txt")
    (tmp_path / "open/broken.txt").symlink_to(tmp_path / "shut/nothing.txt")
    monkeypatch.chdir(tmp_path / "open")
    return Reach((tmp_path / "open",), closed=(tmp_path / "open/home",))


@pytest.mark.parametrize("path", ["a.txt", "{root}/open/a.txt", "*.txt", ".", "[a]*.txt", "inner-link.txt", "**/*"])
def test_open_folders_are_read_and_links_out_of_them_are_as_if_not_there(
    opened: Reach, tmp_path: Path, path: str
) -> None:
    found = files.files_of("text", (path.format(root=tmp_path),), opened)
    assert {file.resolve() for file in found} == {tmp_path / "open/a.txt"}


OUTSIDE_PATHS = [
    "/",
    "/etc/shadow",
    "/etc/no-such-file",
    "/proc/self/environ",
    "/e*/passwd",
    "~/a.txt",
    "~root/a.txt",
    "~nobody-of-that-name/a.txt",
    "..",
    "../shut/d.txt",
    "../shut/nothing.txt",
    "../*",
    "../open-not/e.txt",
    "*/../../shut/d.txt",
    "file-link.txt",
    "folder-link/d.txt",
    "folder-link/nothing.txt",
    "folder-link/*",
    "broken.txt",
    ".secret/b.txt",
    "home/c.txt",
    "{root}/open/../shut/d.txt",
    "{root}/open-not/e.txt",
]


@pytest.mark.parametrize("path", OUTSIDE_PATHS)
def test_paths_that_lead_out_are_refused_alike_whether_or_not_there_is_something(
    opened: Reach, tmp_path: Path, path: str
) -> None:
    with pytest.raises(CorpusError) as refused:
        files.files_of("text", ("a.txt", path.format(root=tmp_path)), opened)
    assert str(refused.value) == files.OUTSIDE


@pytest.mark.parametrize(
    "paths",
    [
        ("folder-lin[k]/d.txt", "folder-lin[k]/nothing.txt"),
        ("f*/d*", "f*/nothing*"),
        ("like-a-glob[1].txt", "like-no-glob[1].txt"),
        ("folder[1]", "no-folder[1]"),
    ],
)
def test_a_glob_through_a_link_tells_nothing(opened: Reach, paths: tuple[str, str]) -> None:
    messages = []
    for path in paths:
        with pytest.raises(CorpusError) as refused:
            files.files_of("text", (path,), opened)
        messages.append(str(refused.value).replace(path, "PATH"))
    assert messages == ["corpus.paths: the glob PATH matches no file"] * 2


@pytest.mark.parametrize("path", ["**/*", "**", "f*/**/*.txt", "folder-lin[k]/*", "**/folder-link/*", "f*/d.txt"])
def test_a_glob_enters_no_folder_outside(opened: Reach, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    asked: list[Path] = []
    names = files._names
    monkeypatch.setattr(files, "_names", lambda folder: [asked.append(folder), names(folder)][1])
    with contextlib.suppress(CorpusError):
        files.files_of("text", (path,), opened)
    assert asked and all(map(opened.holds, asked))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("pattern", ["/".join(["**"] * 40), "/".join(["**", "*"] * 20), "/".join(["**/f*"] * 20)])
def test_a_glob_of_many_stars_takes_no_longer_for_each(tmp_path: Path, pattern: str) -> None:
    deep = tmp_path.joinpath(*["f"] * 60)
    deep.mkdir(parents=True)
    (deep / "f.txt").write_text("x")
    assert files.files_of("text", (str(tmp_path / pattern),)) == [deep / "f.txt"]


def test_where_nothing_is_open_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "a.jsonl", ["one"])
    with pytest.raises(CorpusError, match="ISOFLOP_CORPUS_FOLDERS"):
        files.files_of("jsonl", ("a.jsonl",), Reach(()))
