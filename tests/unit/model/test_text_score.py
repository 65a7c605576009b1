"""Bits per byte of a text: every token but the first is predicted once, whatever the windows."""

from __future__ import annotations

import math

import pytest
import torch

from model.text_score import bits_per_byte
from model.transformer import Transformer
from tests.unit.model.model_data import SHAPE


@pytest.mark.parametrize("length", [2, 33, 50])
def test_all_tokens_are_scored_to_the_last(length: int) -> None:
    model = Transformer(SHAPE, 3).eval()
    ids = [(7 * i) % 61 for i in range(length)]
    with torch.inference_mode():
        nats = 0.0
        for start in range(0, length - 1, SHAPE.context):
            part = torch.tensor(ids[start : start + SHAPE.context + 1])[None]
            nats += model.loss(part[:, :-1], part[:, 1:]).item() * (part.shape[1] - 1)
    assert bits_per_byte(model, ids, 2 * length, "fp32") == pytest.approx(nats / math.log(2) / (2 * length), rel=1e-6)


def test_a_text_of_one_token_costs_nothing() -> None:
    assert bits_per_byte(Transformer(SHAPE, 3).eval(), [1], 1, "fp32") == 0.0
