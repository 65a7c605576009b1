"""A finished run's model as a folder for Hugging Face transformers, with its tokenizer where that can be read there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from model.llama_weights import write_model
from model.sample import load_trained
from orchestrator.use_cases.trained_models import finished_run, tokenizer_of, weights_of
from orchestrator.use_cases.workspace import Workspace
from tokenizer.given import HuggingFaceTokenizer
from tokenizer.shards import ShardError
from tokenizer.vocabulary import BOS, BpeTokenizer, Tokenizer, TokenizerError


@dataclass(frozen=True, slots=True)
class ConvertedModel:
    """What was written."""

    run: str
    """Id of the run."""
    architecture: str
    """The class of transformers that loads it."""
    files: tuple[str, ...]
    """Names of the files in the folder."""
    note: str
    """Why the tokenizer is not among them; empty where it is."""


def convert_model(workspace: Workspace, prefix: str, folder: Path) -> ConvertedModel:
    """Write the final weights of the finished run whose id starts with `prefix` into a new or empty folder.

    Raises:
        NotFound, SampleError: there is no such run, or its weights are not here.
        ExportError: transformers cannot compute such a model, or the folder is not empty.
    """
    record = finished_run(workspace, prefix)
    model, config = load_trained(weights_of(workspace, record))
    try:
        tokenizer = tokenizer_of(workspace, config.dataset)
        files = tokenizer_files(tokenizer, config.model.context)
        note = "" if files else f"no tokenizer.json: transformers has no tokenizer of the kind of {tokenizer.name}"
        bos_id: int | None = tokenizer.bos_id
    except (TokenizerError, ShardError) as error:
        files, note, bos_id = {}, f"no tokenizer.json: {error}", None
    architecture = write_model(model, folder, files, bos_id)
    names = tuple(sorted(file.name for file in folder.iterdir()))
    return ConvertedModel(record.id, architecture.model_class, names, note)


def tokenizer_files(tokenizer: Tokenizer, context: int) -> dict[str, str]:
    """The files of a tokenizer by name, as transformers reads them; none where only isoflop has such a tokenizer."""
    if not isinstance(tokenizer, BpeTokenizer | HuggingFaceTokenizer):
        return {}
    separator = BOS if isinstance(tokenizer, BpeTokenizer) else tokenizer.separator
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": separator,
        "eos_token": separator,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
    return {"tokenizer.json": tokenizer.definition, "tokenizer_config.json": json.dumps(settings, indent=2) + "\n"}
