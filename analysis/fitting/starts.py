"""Starting points of the surface fits: a grid for the additive form, its solution for the forms that contain it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.fitting.forms import JOINT_SKEW, Design
from analysis.fitting.parameters import AdditiveTheta

Floats = NDArray[np.float64]


def additive_start(design: Design, losses: Floats, grid: int = 13) -> Floats:
    """Variable projection on a grid of (α, β), as a start of shape (1, 5): for each pair E, A, B are linear."""
    exponents = np.geomspace(0.05, 1.6, grid)
    size_terms, data_terms = np.exp(-np.outer(exponents, design.x)), np.exp(-np.outer(exponents, design.y))
    pairs = np.array([(i, j) for i in range(grid) for j in range(grid)])
    basis = np.stack([np.ones((len(pairs), len(losses))), size_terms[pairs[:, 0]], data_terms[pairs[:, 1]]], axis=2)
    normal = np.matmul(basis.transpose(0, 2, 1), basis)
    normal = normal + 1e-12 * np.einsum("bpp->b", normal)[:, None, None] * np.eye(3)
    linear = np.linalg.solve(normal, (basis.transpose(0, 2, 1) @ losses)[..., None])[..., 0]
    squares = ((losses - np.matmul(basis, linear[..., None])[..., 0]) ** 2).sum(axis=1)
    squares[(linear[:, 1] <= 0) | (linear[:, 2] <= 0)] = np.inf
    if not np.isfinite(squares).any():
        spread = float(np.ptp(losses))
        return np.array([[losses.min() - spread, np.log(spread), np.log(0.35), np.log(spread), np.log(0.35)]])
    best = int(np.argmin(squares))
    (i, j), (floor, a, b) = pairs[best], linear[best]
    return np.array([[floor, np.log(a), np.log(exponents[i]), np.log(b), np.log(exponents[j])]])


def skaling_starts(additive: Floats) -> Floats:
    """Starts (3, 6) around an additive fit (5,): γ of 0.6, 1 and 1.6 with the terms rescaled."""
    starts = []
    for gamma in (0.6, 1.0, 1.6):
        shift = np.array([0, 0, -np.log(gamma), 0, -np.log(gamma)])
        # In the order of AdditiveTheta: the logs of the terms are divided by γ, and so are α and β.
        scaled = additive * np.array([1, 1 / gamma, 1, 1 / gamma, 1]) + shift
        starts.append([*scaled, np.log(gamma)])
    return np.array(starts)


def joint_skew_starts(additive: Floats, design: Design, losses: Floats) -> Floats:
    """Starts (S, 7): the additive fit as the special case it is, and a grid of shapes around its valley."""
    floor, a, log_alpha, b, log_beta = AdditiveTheta(*additive)
    alpha, beta = np.exp(log_alpha), np.exp(log_beta)
    # In the centred logs D's origin differs from C's and N's by a constant: y = c − x + offset.
    offset = float((design.y + design.x - design.c).mean())
    exponent = beta / (alpha + beta)
    n0 = (log_alpha - log_beta + a - b + beta * offset) / (alpha + beta)
    scale = np.logaddexp(a - alpha * n0, b - beta * (offset - n0))
    log_g = np.log(alpha * beta / (alpha + beta))
    starts = [[floor, scale, log_g, n0, exponent, log_alpha, log_beta]]
    for g in (0.08, 0.2):
        for p, q in ((0.25, 0.5), (0.5, 0.25), (0.35, 0.35)):
            valley = np.array([0.0, 0.0, np.log(g), n0, np.clip(exponent, 0.3, 0.7), np.log(p), np.log(q)])
            shape = JOINT_SKEW.value(valley[None], design)[0]
            if not np.isfinite(shape).all():
                continue
            basis = np.column_stack([np.ones_like(shape), shape])
            least, level = np.linalg.lstsq(basis, losses, rcond=None)[0]
            if level > 0:
                valley[:2] = least, np.log(level)
                starts.append(list(valley))
    return np.array(starts)


def bent_starts(joint_skew: Floats) -> Floats:
    """Starts (3, 8): a joint-skew fit (7,) with a straight path and with one bent to either side."""
    return np.column_stack([np.repeat(joint_skew[None], 3, axis=0), [0.0, 0.1, -0.1]])
