// The MLP branch of a block, x + W·(silu(G·norm(x)) ⊙ U·norm(x)), one sequence at a time.
#pragma once

#include "norm.h"

// hidden = silu(gate) ⊙ value, with both = [gate; value].
inline void swiglu(const Shape &shape, const float *both, float *hidden) {
    const int64_t S = shape.stride(), values = shape.hidden * S;
    for (int64_t row = 0; row < values; row += S)
        for (int64_t i = row; i < row + shape.columns(); i += LANES) {
            const Vector gate = load(both + i), value = load(both + values + i);
            store(hidden + i, gate * value * reciprocal(1.0f + exponential(-gate)));
        }
}

// Replaces the gradient with respect to `hidden` by `hidden`, and writes the gradient with respect to `both`.
inline void swiglu_backward(const Shape &shape, const float *both, float *hidden, float *grad_both) {
    const int64_t S = shape.stride(), values = shape.hidden * S;
    for (int64_t row = 0; row < values; row += S)
        for (int64_t i = row; i < row + shape.columns(); i += LANES) {
            const Vector gate = load(both + i), value = load(both + values + i), g = load(hidden + i);
            const Vector sigmoid = reciprocal(1.0f + exponential(-gate)), silu = gate * sigmoid;
            store(hidden + i, silu * value);
            store(grad_both + i, g * value * (sigmoid + silu * (1.0f - sigmoid)));
            store(grad_both + values + i, g * silu);
        }
}

// x and out [B, D, S]; w_up [2F, D], w_down [D, F]; both [B, 2F, S] is kept for the backward pass.
extern "C" void mlp_branch(const Shape &shape, const float *x, const float *w_up, const float *w_down, float *both,
                       float *out) {
    const int64_t D = shape.width, F = shape.hidden, S = shape.stride();
    Buffer normal(D * S), inverse(S), hidden(F * S);
    for (int64_t b = 0; b < shape.sequences; b++, x += D * S, both += 2 * F * S, out += D * S) {
        normalise(shape, x, normal, inverse);
        multiply(2 * F, shape.columns(), D, w_up, D, 1, normal, S, nullptr, both, S);
        swiglu(shape, both, hidden);
        multiply(D, shape.columns(), F, w_down, F, 1, hidden, S, x, out, S);
    }
}

// Gradients with respect to x and both weights, from the gradient with respect to out.
extern "C" void mlp_branch_backward(const Shape &shape, const float *x, const float *w_up, const float *w_down,
                                const float *both, const float *grad, float *grad_x, float *grad_up,
                                float *grad_down) {
    const int64_t D = shape.width, F = shape.hidden, S = shape.stride(), T = shape.context, wide = stride_of(D);
    Buffer normal(D * S), inverse(S), hidden(F * S), grad_both(2 * F * S), normal_rows(T * wide), grad_rows(T * wide);
    WeightGradient up(2 * F, D), down(F, D);
    for (int64_t b = 0; b < shape.sequences; b++, x += D * S, both += 2 * F * S, grad += D * S, grad_x += D * S) {
        normalise(shape, x, normal, inverse);
        multiply(F, shape.columns(), D, w_down, 1, F, grad, S, nullptr, hidden, S);
        swiglu_backward(shape, both, hidden, grad_both);
        transpose(D, T, grad, S, grad_rows, wide);
        down.add(T, hidden, S, grad_rows);
        transpose(D, T, normal, S, normal_rows, wide);
        up.add(T, grad_both, S, normal_rows);
        multiply(D, shape.columns(), 2 * F, w_up, 1, D, grad_both, S, nullptr, grad_x, S);
        normalise_backward(shape, grad_x, normal, inverse, grad, grad_x);
    }
    up.write(grad_up);
    down.write_transposed(grad_down);
}
