// Vectors of floats by GCC's and Clang's vector extension: loads, exp, transposes, and scratch memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int LANES = 16, MAX_VECTORS = 4, ACCUMULATORS = 24;  // of 32 registers
#else
constexpr int LANES = 8, MAX_VECTORS = 2, ACCUMULATORS = 12;  // of 16
#endif
constexpr int STRIP = 64;  // columns that a pass over rows takes at once
typedef float Vector __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t Integers __attribute__((vector_size(LANES * 4), may_alias));

inline Vector splat(float x) { return x - Vector{}; }  // x + 0 would cost an addition, because of -0
inline Vector load(const float *p) { return *reinterpret_cast<const Vector *>(p); }
inline void store(float *p, Vector v) { *reinterpret_cast<Vector *>(p) = v; }

// The first `width` lanes, zero beyond.
inline Vector load(const float *p, int64_t width) {
    if (width >= LANES) return load(p);
    Vector v = {};
    std::memcpy(&v, p, width * sizeof(float));
    return v;
}

inline int64_t round_up(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

// Floats from one row of a matrix to the next: an odd number of cache lines, so that rows do not compete for the same sets.
inline int64_t stride_of(int64_t columns) { return ((columns + 15) / 16 | 1) * 16; }

// Uninitialised memory for floats, aligned to a cache line.
struct Buffer {
    float *data;
    explicit Buffer(int64_t count)
        : data(static_cast<float *>(::operator new(count * sizeof(float), std::align_val_t(64)))) {}
    Buffer(const Buffer &) = delete;
    ~Buffer() { ::operator delete(data, std::align_val_t(64)); }
    operator float *() const { return data; }
};

inline Vector reciprocal_root(Vector x) {
    for (int i = 0; i < LANES; i++) x[i] = 1.0f / std::sqrt(x[i]);
    return x;
}

// By lane: the larger of the two, the smaller of the two, and 1 / x. A NaN in x stays NaN.
#if defined(__AVX512F__)
inline Vector maximum(Vector bound, Vector x) { return _mm512_max_ps(bound, x); }
inline Vector minimum(Vector bound, Vector x) { return _mm512_min_ps(bound, x); }
inline Vector reciprocal(Vector x) {  // 14 bits, doubled by one Newton step: a division takes 16 cycles
    const Vector guess = _mm512_rcp14_ps(x);
    return guess * (2.0f - x * guess);
}
#else
inline Vector maximum(Vector bound, Vector x) { return bound > x ? bound : x; }
inline Vector minimum(Vector bound, Vector x) { return bound < x ? bound : x; }
inline Vector reciprocal(Vector x) { return 1.0f / x; }
#endif

// exp(x) to 2 units in the last place: 2^n · exp(r) with |r| ≤ ln 2 / 2, by a minimax polynomial (XNNPACK's, degree 5).
inline Vector exponential(Vector x) {
    x = minimum(splat(88.0f), maximum(splat(-87.0f), x));
    const float round = 12582912.0f;  // 1.5 · 2^23: adding it leaves no fraction
    const Vector shifted = x * 1.44269504088896341f + round, n = shifted - round;
    const Vector r = x - n * 0.693359375f + n * 2.12194440e-4f;  // ln 2 in two parts
    Vector p = r * 0x1.0F9F9Cp-7f + 0x1.573A1Ap-5f;
    p = p * r + 0x1.555A80p-3f;
    p = p * r + 0x1.FFFDC6p-2f;
    p = p * r + 0x1.FFFFF6p-1f;
    p = p * r + 1.0f;
    // The last bits of `shifted` are n: added to the exponent, they multiply by 2^n.
    const Integers product = reinterpret_cast<const Integers &>(p) + (reinterpret_cast<const Integers &>(shifted) << 23);
    return reinterpret_cast<const Vector &>(product);
}

// One step of a transpose in registers (Eklundh 1972): exchange the HALF × HALF blocks off the diagonal.
template <int HALF>
inline void exchange(Vector *rows) {
    Integers upper, lower;  // lanes of the two rows laid end to end
    for (int l = 0; l < LANES; l++) {
        upper[l] = l & HALF ? LANES + l - HALF : l;
        lower[l] = l & HALF ? LANES + l : l + HALF;
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++)
        if (!(i & HALF)) {
            const Vector a = rows[i], b = rows[i + HALF];
#if defined(__clang__)
            for (int l = 0; l < LANES; l++) {
                rows[i][l] = upper[l] < LANES ? a[upper[l]] : b[upper[l] - LANES];
                rows[i + HALF][l] = lower[l] < LANES ? a[lower[l]] : b[lower[l] - LANES];
            }
#else
            rows[i] = __builtin_shuffle(a, b, upper);
            rows[i + HALF] = __builtin_shuffle(a, b, lower);
#endif
        }
}

// out[c, r] = in[r, c]; rows of `out` are filled with zeros up to a multiple of LANES.
inline void transpose(int64_t rows, int64_t columns, const float *in, int64_t stride, float *out, int64_t out_stride) {
    for (int64_t r = 0; r < rows; r += LANES)
        for (int64_t c = 0; c < columns; c += LANES) {
            Vector block[LANES];
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++)
                block[i] = r + i < rows ? load(in + (r + i) * stride + c, columns - c) : Vector{};
            if (LANES == 16) exchange<LANES / 2>(block);
            exchange<4>(block), exchange<2>(block), exchange<1>(block);
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++)
                if (c + i < columns) store(out + (c + i) * out_stride + r, block[i]);
        }
}
