// The attention branch of a block, x + W·attention(norm(x)), with QK-norm and RoPE; one head of one sequence at a time.
#pragma once

#include "norm.h"

constexpr int BLOCK = 32;  // rows of attention scores held at once; a multiple of LANES

// One head of one sequence: [size, S] matrices as in the residual stream. Scores that causality hides are skipped.
struct Head {
    const Shape &shape;
    int64_t size, columns, stride;
    float scale;
    Buffer cos, sin, query, key, query_inverse, key_inverse;
    const float *value = nullptr;

    // Cosines and sines come as [T, size / 2].
    Head(const Shape &shape, const float *cosines, const float *sines)
        : shape(shape), size(shape.size()), columns(shape.columns()), stride(shape.stride()),
          scale(1.0f / std::sqrt(static_cast<float>(size))), cos(size / 2 * stride), sin(size / 2 * stride),
          query(size * stride), key(size * stride), query_inverse(stride), key_inverse(stride) {
        transpose(shape.context, size / 2, cosines, size / 2, cos, stride);
        transpose(shape.context, size / 2, sines, size / 2, sin, stride);
    }

    // Where a head's queries (part 0), keys (1) or values (2) begin in qkv [3D, S].
    int64_t row(int64_t part, int64_t head) const { return (part * shape.heads + head) * size * stride; }

    // Rotate by RoPE and normalise: out = rotate(x) / rms(x) · factor; a rotation keeps the norm.
    void pack(const float *x, float factor, float *out, float *inverse) const {
        for (int64_t t = 0; t < columns; t += LANES) {
            Vector squares = {};
            for (int64_t c = 0; c < size; c += 2) {
                const Vector even = load(x + c * stride + t), odd = load(x + (c + 1) * stride + t);
                const Vector turn = load(cos + c / 2 * stride + t), side = load(sin + c / 2 * stride + t);
                squares += even * even + odd * odd;
                store(out + c * stride + t, even * turn - odd * side);
                store(out + (c + 1) * stride + t, odd * turn + even * side);
            }
            const Vector inv = reciprocal_root(squares * (1.0f / size) + shape.eps);
            store(inverse + t, inv);
            for (float *at = out + t; at < out + size * stride; at += stride) store(at, load(at) * inv * factor);
        }
    }

    // The backward pass of `pack`: from g, the gradient with respect to out, the gradient with respect to x.
    void unpack(const float *g, const float *out, const float *inverse, float factor, float *gradient) const {
        for (int64_t t = 0; t < columns; t += LANES) {
            Vector inner = {};
            for (int64_t c = 0; c < size; c++) inner += load(g + c * stride + t) * load(out + c * stride + t);
            const Vector inv = load(inverse + t), scaled = inv * factor;
            inner *= inv * (1.0f / factor / size);
            for (int64_t c = 0; c < size; c += 2) {
                const int64_t at = c * stride + t, next = at + stride;
                const Vector even = load(g + at) * scaled - load(out + at) * inner;
                const Vector odd = load(g + next) * scaled - load(out + next) * inner;
                const Vector turn = load(cos + c / 2 * stride + t), side = load(sin + c / 2 * stride + t);
                store(gradient + at, even * turn + odd * side);
                store(gradient + next, odd * turn - even * side);
            }
        }
    }

    void fill(const float *qkv, int64_t head) {
        pack(qkv + row(0, head), scale, query, query_inverse);
        pack(qkv + row(1, head), 1.0f, key, key_inverse);
        value = qkv + row(2, head);
    }

    // Rows first … first + rows of leftᵀ·right, from the diagonal's vectors on; `finish(row, column, entry)` is stored.
    // Columns from `first` to a row's own are zero.
    template <typename Finish>
    void scores(int64_t first, int64_t rows, const float *left, const float *right, float *out, Finish finish) const {
        for (int64_t r = 0; r < rows; r += LANES) {
            const int64_t s = first + r, count = std::min<int64_t>(LANES, rows - r);
            multiply(count, columns - s, size, left + s, 1, stride, right + s, stride, nullptr, out + r * stride + s, stride);
            for (int64_t i = r; i < r + count; i++) {
                float *line = out + i * stride;
                for (int64_t t = s; t < columns; t += LANES) store(line + t, finish(i, t, load(line + t)));
                std::fill(line + first, line + first + i, 0.0f);
            }
        }
    }

    // Rows of exp(kᵀ·q). QK-norm bounds a score by √size, so no maximum has to be subtracted.
    void weights(int64_t first, int64_t rows, float *out) const {
        scores(first, rows, key, query, out, [](int64_t, int64_t, Vector score) { return exponential(score); });
    }
};

// x and out [B, D, S]; w_qkv [3D, D], w_out [D, D]; for the backward pass qkv [B, 3D, S], attention's result y [B, D, S]
// and the softmax's reciprocal totals [B, H, S].
extern "C" void attention_branch(const Shape &shape, const float *x, const float *w_qkv, const float *w_out,
                             const float *cos, const float *sin, float *qkv, float *y, float *total, float *out) {
    const int64_t D = shape.width, S = shape.stride(), columns = shape.columns();
    Head one(shape, cos, sin);
    Buffer normal(D * S), inverse(S), weights(BLOCK * S);
    for (int64_t b = 0; b < shape.sequences; b++, x += D * S, qkv += 3 * D * S, y += D * S, out += D * S) {
        normalise(shape, x, normal, inverse);
        multiply(3 * D, columns, D, w_qkv, D, 1, normal, S, nullptr, qkv, S);
        for (int64_t h = 0; h < shape.heads; h++, total += S) {
            float *result = y + one.row(0, h);
            one.fill(qkv, h);
            std::fill_n(total, columns, 0.0f);
            for (int64_t s = 0; s < shape.context; s += BLOCK) {
                const int64_t rows = std::min<int64_t>(BLOCK, shape.context - s);
                one.weights(s, rows, weights);
                for (int64_t t = s; t < columns; t += LANES) {
                    Vector sum = load(total + t);
                    for (int64_t r = 0; r < rows; r++) sum += load(weights + r * S + t);
                    store(total + t, sum);
                }
                multiply(one.size, columns - s, rows, one.value + s, S, 1, weights + s, S, s ? result + s : nullptr,
                         result + s, S);
            }
            for (int64_t t = 0; t < columns; t += LANES) {
                const Vector inverse_total = 1.0f / load(total + t);
                store(total + t, inverse_total);
                for (int64_t c = 0; c < one.size; c++) store(result + c * S + t, load(result + c * S + t) * inverse_total);
            }
        }
        multiply(D, columns, D, w_out, D, 1, y, S, x, out, S);
    }
}

// Scratch of the backward pass through one head, and its result: the gradient with respect to its queries, keys and values.
struct HeadBackward {
    Head &one;
    int64_t wide;
    Buffer weights, scores, grad, inner, query_rows, grad_rows, query_grad, key_grad, key_rows, value_rows;

    explicit HeadBackward(Head &one)
        : one(one), wide(stride_of(one.size)), weights(BLOCK * one.stride), scores(BLOCK * one.stride),
          grad(one.size * one.stride), inner(one.stride), query_rows(one.columns * wide), grad_rows(one.columns * wide),
          query_grad(one.size * one.stride), key_grad(one.size * one.stride), key_rows(one.columns * wide),
          value_rows(one.columns * wide) {}

    // The softmax's part as dS = P ⊙ (dP - Σ dy ⊙ y) (Dao 2022). `one` is filled; y and grad_y are the head's rows.
    void run(const float *y, const float *total, const float *grad_y, int64_t head, float *grad_qkv) {
        const int64_t S = one.stride, size = one.size, columns = one.columns, context = one.shape.context;
        for (int64_t t = 0; t < columns; t += LANES) {
            Vector dot = {};
            for (int64_t c = 0; c < size; c++) {
                const Vector g = load(grad_y + c * S + t) * load(total + t);
                dot += g * load(y + c * S + t);
                store(grad + c * S + t, g);
            }
            store(inner + t, dot);
        }
        transpose(size, columns, one.query, S, query_rows, wide);
        transpose(size, columns, grad, S, grad_rows, wide);
        for (int64_t s = 0; s < context; s += BLOCK) {
            const int64_t rows = std::min<int64_t>(BLOCK, context - s), later = columns - s, channels = round_up(size);
            one.weights(s, rows, weights);
            one.scores(s, rows, one.value, grad, scores, [this, S](int64_t row, int64_t t, Vector score) {
                return load(weights + row * S + t) * (score - load(inner + t));
            });
            multiply(size, later, rows, one.key + s, S, 1, scores + s, S, s ? query_grad + s : nullptr, query_grad + s, S);
            multiply(rows, channels, later, scores + s, S, 1, query_rows + s * wide, wide, nullptr, key_rows + s * wide, wide);
            multiply(rows, channels, later, weights + s, S, 1, grad_rows + s * wide, wide, nullptr, value_rows + s * wide, wide);
        }
        transpose(context, size, key_rows, wide, key_grad, S);
        transpose(context, size, value_rows, wide, grad_qkv + one.row(2, head), S);
        one.unpack(query_grad, one.query, one.query_inverse, one.scale, grad_qkv + one.row(0, head));
        one.unpack(key_grad, one.key, one.key_inverse, 1.0f, grad_qkv + one.row(1, head));
    }
};

// Gradients with respect to x and both weights, from the gradient with respect to out.
extern "C" void attention_branch_backward(const Shape &shape, const float *x, const float *w_qkv, const float *w_out,
                                      const float *cos, const float *sin, const float *qkv, const float *y,
                                      const float *total, const float *grad, float *grad_x, float *grad_w_qkv,
                                      float *grad_w_out) {
    const int64_t D = shape.width, S = shape.stride(), T = shape.context, wide = stride_of(D);
    Head one(shape, cos, sin);
    HeadBackward backward(one);
    Buffer normal(D * S), inverse(S), grad_y(D * S), grad_qkv(3 * D * S), rows(T * wide);
    WeightGradient by_qkv(3 * D, D), by_out(D, D);
    for (int64_t b = 0; b < shape.sequences; b++, x += D * S, qkv += 3 * D * S, y += D * S, grad += D * S, grad_x += D * S) {
        normalise(shape, x, normal, inverse);
        transpose(D, T, y, S, rows, wide);
        by_out.add(T, grad, S, rows);
        multiply(D, shape.columns(), D, w_out, 1, D, grad, S, nullptr, grad_y, S);
        for (int64_t h = 0; h < shape.heads; h++, total += S) {
            one.fill(qkv, h);
            backward.run(y + one.row(0, h), total, grad_y + one.row(0, h), h, grad_qkv);
        }
        transpose(D, T, normal, S, rows, wide);
        by_qkv.add(T, grad_qkv, S, rows);
        multiply(D, shape.columns(), 3 * D, w_qkv, 1, D, grad_qkv, S, nullptr, grad_x, S);
        normalise_backward(shape, grad_x, normal, inverse, grad, grad_x);
    }
    by_qkv.write(grad_w_qkv);
    by_out.write(grad_w_out);
}
