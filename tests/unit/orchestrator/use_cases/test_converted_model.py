"""A finished run's model as transformers loads it, with its tokenizer."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import transformers

from model.checkpoint import Checkpoints
from model.config import RunConfig, TrainConfig
from model.transformer import Transformer
from orchestrator.use_cases.converted_model import convert_model, tokenizer_files
from orchestrator.use_cases.workspace import Workspace
from tests.unit.model.model_data import SHAPE
from tests.unit.orchestrator.store_fixtures import new_run, sweep_record
from tests.unit.orchestrator.use_cases.homes import finish, open_home
from tokenizer.bpe_trainer import train_bpe
from tokenizer.given import HuggingFaceTokenizer
from tokenizer.shard_writer import write_shards
from tokenizer.shards import Manifest
from tokenizer.vocabulary import BOS, BpeTokenizer, PieceTokenizer, Tokenizer

TEXT = "for run in runs:\n    print(run.loss)  # <|bos|> größer\n" * 9


@pytest.fixture(scope="module")
def bpe() -> BpeTokenizer:
    return BpeTokenizer(train_bpe([TEXT], 300, BOS))


def _home(folder: Path, tokenizer: Tokenizer) -> Workspace:
    """A home whose run0 is done, with its weights and its dataset."""
    workspace = open_home(folder)
    workspace.store.submit(sweep_record(), [new_run(0)])
    finish(workspace, "run0")
    definition = tokenizer.to_json().encode()
    draft = Manifest("c", hashlib.sha256(definition).hexdigest(), "text", vocab=tokenizer.vocab_size)
    shards = write_shards(workspace.home.artifacts, draft, [[1]], [[2]], {"tokenizer.json": definition})
    config = RunConfig(SHAPE, TrainConfig(sequences=8, batch=4, lr=0.01), shards.manifest.dataset)
    state = {"run": config.to_dict(), "model": Transformer(SHAPE, 3).state_dict()}
    Checkpoints(workspace.home.runs / "run0" / "checkpoints").save_final(state)
    return workspace


def test_a_run_is_written_with_its_tokenizer(tmp_path: Path, bpe: BpeTokenizer) -> None:
    made = convert_model(_home(tmp_path / "home", bpe), "run", tmp_path / "out")
    assert (made.run, made.architecture, made.note) == ("run0", "Qwen3ForCausalLM", "")
    assert made.files == ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    text = TEXT.replace("<|bos|>", "")
    assert loaded.encode(text, add_special_tokens=False) == bpe.encode(text)
    assert (loaded.bos_token_id, loaded.model_max_length) == (bpe.bos_id, 32)
    assert loaded.decode(bpe.encode(text)) == text


def test_a_tokenizer_of_our_own_kind_stays_here(tmp_path: Path) -> None:
    made = convert_model(_home(tmp_path / "home", PieceTokenizer("byte", [])), "run0", tmp_path / "out")
    assert made.files == ("config.json", "model.safetensors")
    assert made.note == "no tokenizer.json: transformers has no tokenizer of the kind of byte-257"


def test_a_model_is_written_after_its_dataset_is_gone(tmp_path: Path, bpe: BpeTokenizer) -> None:
    workspace = _home(tmp_path / "home", bpe)
    (dataset,) = [path for path in workspace.home.artifacts.iterdir() if path.is_dir()]
    (dataset / "tokenizer.json").unlink()
    made = convert_model(workspace, "run0", tmp_path / "out")
    assert made.files == ("config.json", "model.safetensors") and "does not exist" in made.note
    assert torch.equal(
        Transformer(SHAPE, 3).embedding.weight,
        _tensor(tmp_path / "out" / "model.safetensors", "model.embed_tokens.weight"),
    )


def _tensor(path: Path, name: str) -> torch.Tensor:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return file.get_tensor(name)


def test_a_users_tokenizer_keeps_its_separator(bpe: BpeTokenizer) -> None:
    given = HuggingFaceTokenizer(bpe.definition.replace("<|bos|>", "<s>"))
    files = tokenizer_files(given, 64)
    assert files["tokenizer.json"] == given.definition and '"bos_token": "<s>"' in files["tokenizer_config.json"]
