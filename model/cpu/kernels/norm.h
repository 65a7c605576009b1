// What all branches share: a model's shape, RMSNorm, and sums of weight gradients over sequences.
#pragma once

#include "product.h"

// Sizes of a model and its batch; model.cpu.build.KernelShape mirrors it.
struct Shape {
    int64_t sequences, context, width, heads, hidden, vocab;
    float eps;

    int64_t columns() const { return round_up(context); }   // columns that are computed
    int64_t stride() const { return stride_of(context); }   // floats from one channel of a sequence to the next
    int64_t area() const { return width * stride(); }       // floats of a sequence in the residual stream
    int64_t size() const { return width / heads; }          // channels of a head
};

// VECTORS·LANES columns of `normalise`: out = x / sqrt(mean over rows of x² + eps).
template <int VECTORS>
void normalise_strip(const Shape &shape, const float *x, float *out, float *inverse) {
    const int64_t stride = shape.stride();
    Vector factor[VECTORS] = {};
    for (int64_t r = 0; r < shape.width; r++)
        for (int j = 0; j < VECTORS; j++) {
            const Vector v = load(x + r * stride + j * LANES);
            factor[j] += v * v;
        }
    for (int j = 0; j < VECTORS; j++) {
        factor[j] = reciprocal_root(factor[j] * (1.0f / shape.width) + shape.eps);
        store(inverse + j * LANES, factor[j]);
    }
    for (int64_t r = 0; r < shape.width; r++)
        for (int j = 0; j < VECTORS; j++)
            store(out + r * stride + j * LANES, load(x + r * stride + j * LANES) * factor[j]);
}

// RMSNorm of one sequence over its channels; `inverse` is the reciprocal root by position.
inline void normalise(const Shape &shape, const float *x, float *out, float *inverse) {
    int64_t n = 0;
    for (; n + 4 * LANES <= shape.columns(); n += 4 * LANES) normalise_strip<4>(shape, x + n, out + n, inverse + n);
    for (; n < shape.columns(); n += LANES) normalise_strip<1>(shape, x + n, out + n, inverse + n);
}

// VECTORS·LANES columns of `normalise_backward`.
template <int VECTORS>
void normalise_backward_strip(const Shape &shape, const float *g, const float *normal, const float *inverse,
                              const float *residual, float *out) {
    const int64_t stride = shape.stride();
    Vector inner[VECTORS] = {}, factor[VECTORS];
    for (int64_t r = 0; r < shape.width; r++)
        for (int j = 0; j < VECTORS; j++)
            inner[j] += load(g + r * stride + j * LANES) * load(normal + r * stride + j * LANES);
    for (int j = 0; j < VECTORS; j++) {
        factor[j] = load(inverse + j * LANES);
        inner[j] *= factor[j] * (1.0f / shape.width);
    }
    for (int64_t r = 0; r < shape.width; r++)
        for (int j = 0; j < VECTORS; j++) {
            const int64_t at = r * stride + j * LANES;
            const Vector base = residual ? load(residual + at) : Vector{};
            store(out + at, base + load(g + at) * factor[j] - load(normal + at) * inner[j]);
        }
}

// out = residual + (g - x̂ · mean over channels of g·x̂) · inverse; `out` may be g, `residual` may be null for zero.
inline void normalise_backward(const Shape &shape, const float *g, const float *normal, const float *inverse,
                               const float *residual, float *out) {
    int64_t n = 0;
    for (; n + 4 * LANES <= shape.columns(); n += 4 * LANES)
        normalise_backward_strip<4>(shape, g + n, normal + n, inverse + n, residual ? residual + n : nullptr, out + n);
    for (; n < shape.columns(); n += LANES)
        normalise_backward_strip<1>(shape, g + n, normal + n, inverse + n, residual ? residual + n : nullptr, out + n);
}

// Gradient of a weight, Σ over tokens of left[row, token] · right[column, token], summed over sequences.
struct WeightGradient {
    int64_t rows, columns, stride;
    Buffer sum;
    bool begun = false;

    WeightGradient(int64_t rows, int64_t columns)
        : rows(rows), columns(columns), stride(stride_of(columns)), sum(rows * stride) {}

    // The rows of `left` are channels; those of `right` are tokens, as `transpose` makes them.
    void add(int64_t tokens, const float *left, int64_t left_stride, const float *right) {
        multiply(rows, round_up(columns), tokens, left, left_stride, 1, right, stride, begun ? sum.data : nullptr, sum,
                 stride);
        begun = true;
    }
    void write(float *out) const {
        for (int64_t r = 0; r < rows; r++) std::copy_n(sum + r * stride, columns, out + r * columns);
    }
    void write_transposed(float *out) const {
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < columns; c++) out[c * rows + r] = sum[r * stride + c];
    }
};
