"""Derivatives whose zeros are left out give the products that the whole matrix gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.fitting.valley import model as module
from analysis.fitting.valley.evidence import linearise
from analysis.fitting.valley.model import ValleyModel
from analysis.fitting.valley.rows import Rows, Sparse, Whole
from tests.unit.analysis.fitting.valley.made import model, origin, parameters, scales, shared_sizes
from tests.unit.analysis.law_tables import table as apart


def made(kind: str) -> ValleyModel:
    """Sizes of one ladder; the same with trunks that cross the budgets; only three budgets with effects; no groups."""
    table = apart() if kind == "no groups" else shared_sizes()
    if kind == "trunks":
        table = replace(table, trunk=np.arange(len(table)) % 4)
    return ValleyModel.of(table, origin(table))


def both(kind: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Rows, Rows]:
    """The derivatives as a whole and sparse, of one model at one vector."""
    if kind == "few effects":
        monkeypatch.setattr(module, "MOST_EFFECTS", 3)
    found, beta = made(kind), parameters(made(kind))
    whole = found.predict(beta).rows
    monkeypatch.setattr(module, "MANY", 0)
    return whole, found.predict(beta).rows


@pytest.mark.parametrize("kind", ["sizes", "trunks", "few effects", "no groups"])
def test_all_products_are_those_of_the_whole_matrix(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, sparse = both(kind, monkeypatch)
    assert isinstance(whole, Whole) and isinstance(sparse, Sparse)
    n, parameters = whole.matrix.shape
    generator = np.random.default_rng(1)
    weights, values, beta = generator.uniform(0.1, 1, n), generator.normal(size=n), generator.normal(size=parameters)
    root = generator.normal(size=(parameters, parameters))
    square, slope = sparse.normal(weights, values)
    assert square == pytest.approx(whole.matrix.T @ np.diag(weights) @ whole.matrix, rel=1e-10, abs=1e-12)
    assert slope == pytest.approx(whole.matrix.T @ (weights * values), rel=1e-10, abs=1e-12)
    for mine, other in zip(whole.normal(weights, values), (square, slope), strict=True):
        assert mine == pytest.approx(other, rel=1e-10, abs=1e-12)
    assert sparse.times(beta) == pytest.approx(whole.matrix @ beta, rel=1e-10) == whole.times(beta)
    expected = np.diag(whole.matrix @ (root @ root.T) @ whole.matrix.T)
    assert sparse.spread(root @ root.T) == pytest.approx(expected, rel=1e-10) == whole.spread(root @ root.T)


def test_the_evidence_does_not_depend_on_how_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = model()
    beta, at, every = parameters(found, spread=0.02), np.array(scales(noise=0.02)), np.ones(len(found.loss))
    whole = linearise(found, beta, at, every).solve(at)
    monkeypatch.setattr(module, "MANY", 0)
    sparse = linearise(found, beta, at, every)
    assert isinstance(sparse.at.rows, Sparse)
    solved = sparse.solve(at)
    assert solved.log_evidence == pytest.approx(whole.log_evidence, rel=1e-10)
    assert solved.gradient == pytest.approx(whole.gradient, rel=1e-8) and solved.beta == pytest.approx(whole.beta)
