"""A tokenizer's file: what isoflop wrote is itself again, a foreign one is checked, a lossy one refused with a remedy."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as Inner
from tokenizers import decoders, models, normalizers, pre_tokenizers

from tests.unit.tokenizer.tokenizer_data import HARD, SOURCE
from tokenizer.encode import byte_ranks
from tokenizer.files import Reach
from tokenizer.loading import load_given, load_tokenizer
from tokenizer.probes import probes
from tokenizer.vocabulary import BpeTokenizer, Tokenizer, TokenizerError, TokenizerSpec

BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def foreign(trained: dict[str, Tokenizer], specials: tuple[str, ...] = ("<|endoftext|>",)) -> dict[str, Any]:
    """The trained BPE as GPT-2 would have it: no <|bos|>, ids from 0, the separator last."""
    data: dict[str, Any] = json.loads(trained["bpe"].to_json())
    vocab = {token: i - 1 for token, i in data["model"]["vocab"].items() if i}
    data["model"]["vocab"] = vocab
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    data["added_tokens"] = [{"id": len(vocab) + i, "content": token} | flags for i, token in enumerate(specials)]
    return data


def rank_file(trained: dict[str, Tokenizer]) -> str:
    bpe = trained["bpe"]
    assert isinstance(bpe, BpeTokenizer)
    return "".join(f"{base64.b64encode(token).decode()} {i - 1}\n" for token, i in byte_ranks(bpe).items())


def saved(folder: Path, content: str | dict[str, Any], name: str = "mine.json") -> TokenizerSpec:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return TokenizerSpec("file", path=str(path))


@pytest.mark.parametrize("kind", ["bpe", "byte", "character", "word"])
def test_a_file_of_isoflop_is_the_tokenizer_that_wrote_it(
    trained: dict[str, Tokenizer], tmp_path: Path, kind: str
) -> None:
    given = load_given(saved(tmp_path, trained[kind].to_json()))
    assert (type(given), given.hash) == (type(trained[kind]), trained[kind].hash)


def test_a_tokenizer_json_with_its_own_separator(trained: dict[str, Tokenizer], tmp_path: Path) -> None:
    given = load_given(saved(tmp_path, foreign(trained)))
    assert given.bos_id == given.vocab_size - 1 == 399 == trained["bpe"].vocab_size - 1
    for text in (SOURCE, HARD, "<|endoftext|> is text here"):
        assert given.encode(text) == [i - 1 for i in trained["bpe"].encode(text)]
        assert given.decode([given.bos_id, *given.encode(text)]) == text


def test_a_rank_file_has_an_entry_more_for_the_separator(trained: dict[str, Tokenizer], tmp_path: Path) -> None:
    given = load_given(saved(tmp_path, rank_file(trained), "mine.tiktoken"))
    assert (given.bos_id, given.vocab_size) == (399, 400)
    assert given.encode(HARD) == [i - 1 for i in trained["bpe"].encode(HARD)]
    assert given.decode([399, *given.encode(HARD)]) == HARD
    assert given.encode("<|endoftext|>") != [399]


def test_the_content_is_the_identity_wherever_the_file_lies(trained: dict[str, Tokenizer], tmp_path: Path) -> None:
    first = load_given(saved(tmp_path, rank_file(trained), "a"))
    assert load_given(saved(tmp_path, rank_file(trained), "b")).hash == first.hash
    shorter = "".join(rank_file(trained).splitlines(keepends=True)[:-1])
    changed = [
        load_given(saved(tmp_path, shorter, "a")),
        load_given(TokenizerSpec("file", path=f"{tmp_path}/b", separator="<s>")),
    ]
    assert len({first.hash, *(tokenizer.hash for tokenizer in changed)}) == 3


def test_a_dataset_gives_a_given_tokenizer_back(trained: dict[str, Tokenizer], tmp_path: Path) -> None:
    for content in (rank_file(trained), json.dumps(foreign(trained))):
        given = load_given(saved(tmp_path, content))
        (tmp_path / "tokenizer.json").write_text(given.to_json(), encoding="utf-8")
        again = load_tokenizer(tmp_path / "tokenizer.json")
        assert (again.hash, again.name, again.bos_id) == (given.hash, given.name, given.bos_id)
        assert again.encode(HARD) == given.encode(HARD)


def unigram() -> str:
    made = Inner(models.Unigram([("<unk>", 0.0), ("▁", -1.0), ("a", -1.0)], unk_id=0))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.add_special_tokens(["<s>"])
    return str(made.to_str())


def lower_case(trained: dict[str, Tokenizer]) -> str:
    made = Inner.from_str(json.dumps(foreign(trained)))
    made.normalizer = normalizers.Lowercase()
    return str(made.to_str())


def few_bytes() -> str:
    made = Inner(models.BPE({"a": 0, "b": 1}, []))
    made.pre_tokenizer, made.decoder = BYTES, decoders.ByteLevel()
    made.add_special_tokens(["<s>"])
    return str(made.to_str())


def dropping(trained: dict[str, Tokenizer]) -> dict[str, Any]:
    data = foreign(trained)
    return data | {"model": data["model"] | {"dropout": 0.1}}


LOSSLESS = "take a byte-level tokenizer, without a normalizer"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda trained: unigram(), f"mine.json is not lossless: .*{LOSSLESS}"),
        (lower_case, f"mine.json is not lossless: .*'.*A.*' comes back as .*{LOSSLESS}"),
        (lambda trained: few_bytes(), "mine.json is not lossless"),
        (dropping, r"mine.json drops merges by chance \(model.dropout\): set it to null"),
        (lambda trained: foreign(trained, ()), "it has no special token: name one in tokenizer.separator, or add one"),
        (lambda trained: foreign(trained, ("<pad>",)), "its special tokens are <pad>: name one in tokenizer.separator"),
        (
            lambda trained: {"model": {"type": "BPE"}},
            "mine.json .*name one in tokenizer.separator|not a tokenizer.json",
        ),
        (lambda trained: "{", "mine.json is not JSON: .*write it again"),
        (lambda trained: "[]", "neither a tokenizer.json nor a rank file: line 1"),
        (lambda trained: "IQ== 0\n", r"mine.json lacks a rank for 255 of the 256 bytes, such as 0x00"),
        (lambda trained: rank_file(trained).replace(" 5\n", " 6\n"), "must give each token a rank of its own"),
        (lambda trained: rank_file(trained) + "YWFhYWE= 2000000\n", "a rank of its own, from 0 to 1,048,575"),
    ],
)
def test_a_file_that_cannot_serve_is_refused(
    trained: dict[str, Tokenizer], tmp_path: Path, make: Any, message: str
) -> None:
    with pytest.raises(TokenizerError, match=message) as caught:
        load_given(saved(tmp_path, make(trained)))
    assert caught.value.key == "path"


def test_a_separator_that_is_not_there(trained: dict[str, Tokenizer], tmp_path: Path) -> None:
    for content, message in (
        (
            json.dumps(foreign(trained)),
            "separator '<s>' is no special token of the file: its special tokens are <.endo",
        ),
        (trained["bpe"].to_json(), "separator is '<s>', but the file's separator is <.bos.>: leave it out"),
    ):
        spec = saved(tmp_path, content)
        with pytest.raises(TokenizerError, match=message):
            load_given(TokenizerSpec("file", path=spec.path, separator="<s>"))


def test_a_path_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"nowhere.json is not a file: name a tokenizer.json or a rank file"):
        load_given(TokenizerSpec("file", path=f"{tmp_path}/nowhere.json"))
    (tmp_path / "sp.model").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TokenizerError, match=r"sp.model is not text: a SentencePiece model must be converted"):
        load_given(TokenizerSpec("file", path=f"{tmp_path}/sp.model"))


def test_over_the_network_a_file_lies_in_an_allowed_folder(trained: dict[str, Tokenizer], tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "closed").mkdir()
    within = Reach((tmp_path / "open",))
    assert load_given(saved(tmp_path / "open", rank_file(trained)), within).vocab_size == 400
    for spec in (
        saved(tmp_path / "closed", "secret"),
        TokenizerSpec("file", path=f"{tmp_path}/open/../closed/mine.json"),
    ):
        with pytest.raises(TokenizerError, match="ISOFLOP_CORPUS_FOLDERS") as caught:
            load_given(spec, within)
        assert "secret" not in str(caught.value)


def test_probes_hold_what_tokenizers_alter() -> None:
    text = "".join(probes())
    assert all(part in text for part in ("\r\n", "e\u0301", "😀", "  ", "\x00", "\u212b"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist: prepare the corpus again"),
        ("{", "is not a tokenizer"),
        ("[" * 100_000, "is not a tokenizer"),
        ("1" * 5_000, "is not a tokenizer"),
        ('{"kind": "word"}', "its pieces are not all text"),
        ('{"kind": "word", "pieces": ["a", 1]}', "its pieces are not all text"),
        ('{"model": {"type": "BPE", "merges": 3}}', "is not a tokenizer: .*prepare the corpus again"),
        ("[]", "is not a tokenizer of isoflop"),
        ('{"model": {"type": "Unigram"}}', "it is neither bpe, byte, character, word nor file"),
    ],
)
def test_foreign_files(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(TokenizerError, match=message):
        load_tokenizer(path)
