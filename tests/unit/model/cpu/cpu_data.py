"""What the tests of the CPU branches share."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from model.cpu import build

FLOAT64 = torch.float64
needs_compiler = pytest.mark.skipif(build.compiler() is None, reason="native branches need a C++ compiler")


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=FLOAT64, generator=torch.Generator().manual_seed(seed))
