// Both ends of the model: the embedding, and the output head with its cross-entropy, a strip of tokens at a time.
#pragma once

#include "norm.h"

// x[b, :, t] = table[token]; zero beyond the context.
extern "C" void embed(const Shape &shape, const float *table, const int64_t *ids, float *x) {
    const int64_t D = shape.width, T = shape.context;
    Buffer rows(T * D);
    for (int64_t b = 0; b < shape.sequences; b++, ids += T, x += shape.area()) {
        for (int64_t t = 0; t < T; t++) std::copy_n(table + ids[t] * D, D, rows + t * D);
        transpose(T, D, rows, D, x, shape.stride());
    }
}

extern "C" void embed_backward(const Shape &shape, const float *grad, const int64_t *ids, float *grad_table) {
    const int64_t D = shape.width, T = shape.context, wide = stride_of(D);
    Buffer rows(T * wide);
    std::fill_n(grad_table, shape.vocab * D, 0.0f);
    for (int64_t b = 0; b < shape.sequences; b++, ids += T, grad += shape.area()) {
        transpose(D, T, grad, shape.stride(), rows, wide);
        for (int64_t t = 0; t < T; t++)
            for (int64_t d = 0; d < D; d++) grad_table[ids[t] * D + d] += rows[t * wide + d];
    }
}

// VECTORS·LANES columns of `softmax_loss`.
template <int VECTORS>
double softmax_columns(const Shape &shape, float *logits, const int64_t *targets, int64_t count, float *scale) {
    Vector top[VECTORS], total[VECTORS] = {};
    for (int j = 0; j < VECTORS; j++) top[j] = load(logits + j * LANES);
    for (int64_t v = 1; v < shape.vocab; v++)
        for (int j = 0; j < VECTORS; j++) top[j] = maximum(top[j], load(logits + v * STRIP + j * LANES));
    count = std::max<int64_t>(0, std::min<int64_t>(count, VECTORS * LANES));
    float hit[VECTORS * LANES];
    for (int64_t i = 0; i < count; i++) hit[i] = logits[targets[i] * STRIP + i];
    for (int64_t v = 0; v < shape.vocab; v++)
        for (int j = 0; j < VECTORS; j++) {
            float *at = logits + v * STRIP + j * LANES;
            const Vector numerator = exponential(load(at) - top[j]);
            total[j] += numerator;
            store(at, numerator);
        }
    double loss = 0;
    std::fill_n(scale, VECTORS * LANES, 0.0f);
    for (int64_t i = 0; i < count; i++) {
        const float sum = total[i / LANES][i % LANES];
        loss += std::log(sum) + top[i / LANES][i % LANES] - hit[i];
        scale[i] = 1.0f / (sum * shape.sequences * shape.context);
        logits[targets[i] * STRIP + i] -= sum;
    }
    return loss;
}

// Logits [V, STRIP] become exp(logit - maximum) minus the total at the target: multiplied by `scale` = 1 / (total · N)
// they are the gradient of the mean loss over all N tokens. Returns the sum of the first `count` columns' losses.
inline double softmax_loss(const Shape &shape, float *logits, const int64_t *targets, int64_t columns, int64_t count,
                           float *scale) {
    double loss = 0;
    int64_t n = 0;
    for (; n + 4 * LANES <= columns; n += 4 * LANES)
        loss += softmax_columns<4>(shape, logits + n, targets + n, count - n, scale + n);
    for (; n < columns; n += LANES) loss += softmax_columns<1>(shape, logits + n, targets + n, count - n, scale + n);
    return loss;
}

// Mean cross-entropy of w·norm(x) with w [V, D]; gradients with respect to x and w are computed at once, unless grad_x is null.
extern "C" double head_loss(const Shape &shape, const float *x, const float *w, const int64_t *targets, float *grad_x,
                        float *grad_w) {
    const int64_t D = shape.width, V = shape.vocab, S = shape.stride(), wide = stride_of(D);
    Buffer normal(D * S), inverse(S), logits(V * STRIP), rows(STRIP * wide), scale(STRIP);
    WeightGradient by_w(V, D);
    double loss = 0;
    for (int64_t b = 0; b < shape.sequences; b++, x += D * S, targets += shape.context) {
        normalise(shape, x, normal, inverse);
        for (int64_t t = 0; t < shape.columns(); t += STRIP) {
            const int64_t columns = std::min<int64_t>(STRIP, shape.columns() - t);
            const int64_t count = std::min<int64_t>(STRIP, shape.context - t);
            multiply(V, columns, D, w, D, 1, normal + t, S, nullptr, logits, STRIP);
            loss += softmax_loss(shape, logits, targets + t, columns, count, scale);
            if (!grad_x) continue;
            multiply(D, columns, V, w, 1, D, logits, STRIP, nullptr, grad_x + t, S);
            for (int64_t d = 0; d < D; d++)
                for (int64_t n = 0; n < columns; n += LANES) {
                    float *at = grad_x + d * S + t + n;
                    store(at, load(at) * load(scale + n));
                }
            transpose(D, count, normal + t, S, rows, wide);
            for (int64_t n = 0; n < count; n++)
                for (int64_t d = 0; d < round_up(D); d += LANES)
                    store(rows + n * wide + d, load(rows + n * wide + d) * scale[n]);
            by_w.add(count, logits, STRIP, rows);
        }
        if (!grad_x) continue;
        normalise_backward(shape, grad_x, normal, inverse, nullptr, grad_x);
        grad_x += D * S;
    }
    if (grad_x) by_w.write(grad_w);
    return loss / (shape.sequences * shape.context);
}
