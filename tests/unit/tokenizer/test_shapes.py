"""Shapes and types of the public array functions of `tokenizer`, by jaxtyping with beartype."""

# B = windows of a batch, T = tokens of a context; a window has T + 1.

from __future__ import annotations

import numpy as np
import pytest
from beartype.roar import BeartypeDoorHintViolation
from jaxtyping import Int64, UInt16, UInt32

from tests.unit.shapes import with_shapes
from tokenizer.encode import Encoder, encode_documents
from tokenizer.vocabulary import Tokenizer
from tokenizer.windows import gather, sequence_indices

Array = np.ndarray


@pytest.mark.parametrize(("kind", "dtype"), [(UInt16, np.uint16), (UInt32, np.uint32)])
def test_gather(kind: type, dtype: type) -> None:
    indices, windows = Int64[Array, " B"], Int64[Array, "B {context}+1"]
    checked = with_shapes(gather, tokens=kind[Array, " tokens"], indices=indices, out=windows | None, result=windows)
    ids = np.arange(100, dtype=dtype)
    taken = np.array([3, 0, 5])
    checked(ids, taken, 7)
    checked(ids, taken, 7, np.zeros((3, 8), dtype=np.int64))
    with pytest.raises(BeartypeDoorHintViolation):
        checked(ids, taken, 7, np.zeros((3, 7), dtype=np.int64))


@pytest.mark.parametrize("count", [0, 1, 250])
def test_order(count: int) -> None:
    with_shapes(sequence_indices, result=Int64[Array, "{count}"])(1, 90, count, 100)


@pytest.mark.parametrize("kind", ["bpe", "byte", "character", "word"])
def test_ids_of_texts(trained: dict[str, Tokenizer], kind: str) -> None:
    tokenizer = trained[kind]
    ids = UInt32[Array, " ids"]
    checked = with_shapes(tokenizer.encode_batch, result=list[ids])
    for text in ("some text", ""):
        checked([text])
    encoder = Encoder("name", "parity", tokenizer.encode_batch)
    (document,) = encode_documents(encoder, ["some text"], tokenizer.bos_id, "uint16")
    with_shapes(lambda ids: ids, ids=UInt16[Array, f"{len(tokenizer.encode('some text')) + 1}"])(document)
