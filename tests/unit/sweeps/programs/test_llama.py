"""The JSON of a Llama: read by transformers, with arguments that its Trainer knows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from model.config import TrainConfig
from model.optim import lr_factor
from sweeps.programs.llama import llama_file, trainer_arguments
from tests.unit.sweeps.programs.optima import optimum


def test_transformers_reads_the_shape(tmp_path: Path) -> None:
    found = optimum(model={"norm_eps": 1e-5, "rope_base": 5e4, "tied_head": True})
    (tmp_path / "config.json").write_text(llama_file(found), encoding="utf-8")
    config = transformers.LlamaConfig.from_pretrained(tmp_path)
    model = found.model
    assert (config.vocab_size, config.hidden_size, config.intermediate_size) == (model.vocab, model.d_model, model.d_ff)
    assert (config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads) == (2, 1, 1)
    assert (config.rms_norm_eps, config.tie_word_embeddings, config.max_position_embeddings) == (1e-5, True, 128)
    assert config.rope_parameters["rope_theta"] == 5e4
    with torch.device("meta"):
        assert sum(p.numel() for p in transformers.LlamaForCausalLM(config).parameters()) == (
            found.planned.params_total + (2 * model.n_layers + 1) * model.d_model
        ), "besides ours, a weight for each channel of each norm"


def test_transformers_reads_a_model_of_experts_as_a_mixtral(tmp_path: Path) -> None:
    found = optimum(model={"experts": 4, "active": 2, "qk_norm": False})
    (tmp_path / "config.json").write_text(llama_file(found), encoding="utf-8")
    config = transformers.AutoConfig.from_pretrained(tmp_path)
    assert isinstance(config, transformers.MixtralConfig)
    model = found.model
    assert (config.num_local_experts, config.num_experts_per_tok, config.intermediate_size) == (4, 2, model.d_ff)
    assert config.output_router_logits and config.router_aux_loss_coef == pytest.approx(0.01 * model.n_layers / 2)
    with torch.device("meta"):
        assert sum(p.numel() for p in transformers.MixtralForCausalLM(config).parameters()) == (
            found.planned.params_total + (2 * model.n_layers + 1) * model.d_model
        ), "besides ours, a weight for each channel of each norm"
    left_out = json.loads(llama_file(found))["isoflop"]["not_carried_over"]
    assert [each.startswith("the balance loss of each block") for each in left_out].count(True) == 1
    assert not any(each.startswith("model.") for each in left_out)


def test_what_a_mixtral_lacks_is_said_beside_it() -> None:
    document = json.loads(llama_file(optimum(model={"experts": 4, "balance": "bias"})))
    assert document["model_type"] == "mixtral" and document["output_router_logits"] is False
    said = " ".join(document["isoflop"]["not_carried_over"])
    assert "model.qk_norm is true: MixtralForCausalLM" in said and "model.active is 1" in said
    assert "model.balance is bias" in said and "the balance loss" not in said


def test_what_a_llama_lacks_is_said_beside_it() -> None:
    document = json.loads(llama_file(optimum(model={"logit_cap": 15.0})))
    left_out = document["isoflop"]["not_carried_over"]
    assert any(each.startswith("model.qk_norm is true") for each in left_out)
    assert "model.logit_cap is 15.0, which LlamaForCausalLM does not have" in left_out
    assert any(each.startswith("train.embedding_lr = ") for each in left_out)
    assert document["isoflop"]["facts"][0].endswith("t@abcd")
    plain = json.loads(llama_file(optimum(model={"qk_norm": False}, recipe_overrides={"embedding_lr": 0.0})))
    assert not any(each.startswith(("model.", "train.")) for each in plain["isoflop"]["not_carried_over"])


def test_the_trainer_has_every_argument() -> None:
    found = optimum()
    arguments = json.loads(llama_file(found))["training_arguments"]
    assert set(arguments) <= {field.name for field in dataclasses.fields(transformers.TrainingArguments)}
    train = found.train
    assert (arguments["max_steps"], arguments["learning_rate"]) == (train.steps, train.lr)
    assert arguments["per_device_train_batch_size"] * found.model.context == found.planned.batch_tokens
    assert arguments["bf16"] is False and arguments["max_grad_norm"] == 1.0


@pytest.mark.parametrize(
    "changes", [{}, {"schedule": "cosine", "final_lr": 0.1}, {"final_lr": 0.1, "warmup_steps": 7, "cooldown": 0.5}]
)
def test_the_trainers_schedule_is_ours(changes: dict[str, Any]) -> None:
    train = TrainConfig(**({"sequences": 400, "batch": 4, "lr": 0.01, "warmup": 0.1} | changes))
    made = trainer_arguments(train)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=made.learning_rate)
    scheduler = transformers.get_scheduler(
        made.lr_scheduler_type, optimizer, made.warmup_steps, made.max_steps, made.lr_scheduler_kwargs
    )
    rates = []
    for _ in range(made.max_steps):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    ours = [0.01 * lr_factor(train, step) for step in range(train.steps)]
    # The Trainer begins at 0, or at the last rate, one step behind.
    assert rates[made.warmup_steps :] == pytest.approx(ours[made.warmup_steps :], rel=1e-9)
    assert rates[0] < rates[made.warmup_steps - 1] < 0.01


def test_warmup_and_fall_never_exceed_the_run() -> None:
    made = trainer_arguments(TrainConfig(400, 4, 0.01, warmup_steps=50, cooldown=0.5))
    assert made.warmup_steps + int(made.lr_scheduler_kwargs["num_decay_steps"]) == made.max_steps == 100
