// Matrix products of small models: one micro-kernel that keeps a tile of the result in registers.
#pragma once

#include "vectors.h"

#define NOT_INLINED __attribute__((noinline))  // as fast as inlined, at two thirds of the compile time
constexpr int DEPTH = 128;  // rows of the right operand taken at once: a strip of them stays in the first-level cache

// C[m, n] = base[m, n] + Σ_k A[m·am + k·ak] · B[k·bk + n] for ROWS × VECTORS·LANES entries; a null base is zero.
template <int ROWS, int VECTORS>
NOT_INLINED void tile(int64_t depth, const float *a, int64_t am, int64_t ak, const float *b, int64_t bk,
                      const float *base, float *c, int64_t cm) {
    Vector sum[ROWS][VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
        for (int j = 0; j < VECTORS; j++) sum[i][j] = base ? load(base + i * cm + j * LANES) : Vector{};
    for (int64_t k = 0; k < depth; k++, a += ak, b += bk) {
        Vector right[VECTORS];
#pragma GCC unroll 8
        for (int j = 0; j < VECTORS; j++) right[j] = load(b + j * LANES);
#pragma GCC unroll 16
        for (int i = 0; i < ROWS; i++) {
            const Vector left = splat(a[i * am]);
#pragma GCC unroll 8
            for (int j = 0; j < VECTORS; j++) sum[i][j] += left * right[j];
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
        for (int j = 0; j < VECTORS; j++) store(c + i * cm + j * LANES, sum[i][j]);
}

// A tile of `rows` rows, at most ROWS.
template <int ROWS, int VECTORS>
void tile_of(int64_t rows, int64_t depth, const float *a, int64_t am, int64_t ak, const float *b, int64_t bk,
             const float *base, float *c, int64_t cm) {
    if constexpr (ROWS > 0) {
        if (rows == ROWS) tile<ROWS, VECTORS>(depth, a, am, ak, b, bk, base, c, cm);
        else tile_of<ROWS - 1, VECTORS>(rows, depth, a, am, ak, b, bk, base, c, cm);
    }
}

template <int VECTORS>
void column_of_tiles(int64_t rows, int64_t depth, const float *a, int64_t am, int64_t ak, const float *b, int64_t bk,
                     const float *base, float *c, int64_t cm) {
    constexpr int ROWS = std::min(12, ACCUMULATORS / VECTORS);
    for (int64_t m = 0; m < rows; m += ROWS)
        tile_of<ROWS, VECTORS>(std::min<int64_t>(rows - m, ROWS), depth, a + m * am, am, ak, b, bk,
                               base ? base + m * cm : nullptr, c + m * cm, cm);
}

// C = base + A·B for any shape whose columns are a multiple of LANES; `base` may be C itself, or null for zero.
NOT_INLINED inline void multiply(int64_t rows, int64_t columns, int64_t depth, const float *a, int64_t am, int64_t ak,
                                 const float *b, int64_t bk, const float *base, float *c, int64_t cm) {
    for (int64_t k = 0; k < depth; k += DEPTH, base = c)
        for (int64_t n = 0; n < columns; n += MAX_VECTORS * LANES) {
            const int64_t part = std::min<int64_t>(depth - k, DEPTH), vectors = (columns - n) / LANES;
            const float *left = a + k * ak, *right = b + k * bk + n, *from = base ? base + n : nullptr;
            if (vectors >= MAX_VECTORS) column_of_tiles<MAX_VECTORS>(rows, part, left, am, ak, right, bk, from, c + n, cm);
            else if (vectors == 3) column_of_tiles<3>(rows, part, left, am, ak, right, bk, from, c + n, cm);
            else if (vectors == 2) column_of_tiles<2>(rows, part, left, am, ak, right, bk, from, c + n, cm);
            else column_of_tiles<1>(rows, part, left, am, ak, right, bk, from, c + n, cm);
        }
}
