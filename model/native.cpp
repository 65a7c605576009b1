// Fused fp32 kernels of model.native: what lies between the matrix products of a small model, on one CPU thread.
//
// Activations are feature-major as in model/branches.py: row c of [D, N] is a channel, its N tokens are contiguous, and
// token n = b·T + t is position t of sequence b. Attention works on one head of one sequence at a time, so that all of
// it stays in the first two caches, and skips what causality hides. Vectors are GCC's and Clang's vector extension.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>
#if defined(__AVX512F__)
constexpr int LANES = 16, MAX_ROWS = 6, MAX_VECTORS = 4;
#else
constexpr int LANES = 8, MAX_ROWS = 6, MAX_VECTORS = 2;
#endif
constexpr int BLOCK = 32;  // rows of attention scores held at once; a multiple of LANES
constexpr int STRIP = 4;   // vectors of columns that a reduction over rows takes at once
typedef float Vector __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t Integers __attribute__((vector_size(LANES * 4)));

namespace {
inline Vector load(const float *p) { return *reinterpret_cast<const Vector *>(p); }
inline void store(float *p, Vector v) { *reinterpret_cast<Vector *>(p) = v; }

// The first `width` lanes, zero beyond.
inline Vector load(const float *p, int64_t width) {
    if (width >= LANES) return load(p);
    Vector v = {};
    std::memcpy(&v, p, width * sizeof(float));
    return v;
}
inline void store(float *p, Vector v, int64_t width) {
    if (width >= LANES) store(p, v);
    else std::memcpy(p, &v, width * sizeof(float));
}
inline Vector reciprocal_root(Vector x) {
    float lanes[LANES];
    store(lanes, x);
    for (int i = 0; i < LANES; i++) lanes[i] = 1.0f / std::sqrt(lanes[i]);
    return load(lanes);
}

// exp(x) to 2 units in the last place: Cephes' expf, a polynomial on [-ln 2 / 2, ln 2 / 2].
inline Vector exponential(Vector x) {
    const Vector lowest = Vector{} - 87.0f, highest = Vector{} + 88.0f;
    x = x < lowest ? lowest : x;
    x = x > highest ? highest : x;
    const float round = 12582912.0f;  // 1.5 · 2^23: adding it leaves no fraction
    Vector n = (x * 1.44269504088896341f + round) - round;
    Vector r = x - n * 0.693359375f + n * 2.12194440e-4f;
    Vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    Integers bits = (__builtin_convertvector(n, Integers) + 127) << 23;
    return p * reinterpret_cast<Vector &>(bits);
}

// C[m, n] = (add ? C : 0) + Σ_k A[m·am + k·ak] · B[k·bk + n] for ROWS × VECTORS·LANES entries, kept in registers.
template <int ROWS, int VECTORS>
void tile(int64_t depth, const float *a, int64_t am, int64_t ak, const float *b, int64_t bk, float *c, int64_t cm,
          bool add) {
    Vector sum[ROWS][VECTORS];
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
        for (int j = 0; j < VECTORS; j++) sum[i][j] = add ? load(c + i * cm + j * LANES) : Vector{};
    for (int64_t k = 0; k < depth; k++) {
        Vector right[VECTORS];
#pragma GCC unroll 8
        for (int j = 0; j < VECTORS; j++) right[j] = load(b + k * bk + j * LANES);
#pragma GCC unroll 8
        for (int i = 0; i < ROWS; i++) {
            const Vector left = Vector{} + a[i * am + k * ak];
#pragma GCC unroll 8
            for (int j = 0; j < VECTORS; j++) sum[i][j] += left * right[j];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 8
        for (int j = 0; j < VECTORS; j++) store(c + i * cm + j * LANES, sum[i][j]);
}

template <int VECTORS>
void rows_of_tiles(int64_t rows, int64_t depth, const float *a, int64_t am, int64_t ak, const float *b, int64_t bk,
                   float *c, int64_t cm, bool add) {
    for (int64_t m = 0; m < rows; m += MAX_ROWS, a += MAX_ROWS * am, c += MAX_ROWS * cm)
        switch (std::min<int64_t>(rows - m, MAX_ROWS)) {
            case 1: tile<1, VECTORS>(depth, a, am, ak, b, bk, c, cm, add); break;
            case 2: tile<2, VECTORS>(depth, a, am, ak, b, bk, c, cm, add); break;
            case 3: tile<3, VECTORS>(depth, a, am, ak, b, bk, c, cm, add); break;
            case 4: tile<4, VECTORS>(depth, a, am, ak, b, bk, c, cm, add); break;
            case 5: tile<5, VECTORS>(depth, a, am, ak, b, bk, c, cm, add); break;
            default: tile<6, VECTORS>(depth, a, am, ak, b, bk, c, cm, add);
        }
}

// The same for any shape whose columns are a multiple of LANES.
void multiply(int64_t rows, int64_t columns, int64_t depth, const float *a, int64_t am, int64_t ak, const float *b,
              int64_t bk, float *c, int64_t cm, bool add) {
    int64_t left = columns / LANES;
    for (; left >= MAX_VECTORS; left -= MAX_VECTORS, b += MAX_VECTORS * LANES, c += MAX_VECTORS * LANES)
        rows_of_tiles<MAX_VECTORS>(rows, depth, a, am, ak, b, bk, c, cm, add);
    if (left == 3) rows_of_tiles<3>(rows, depth, a, am, ak, b, bk, c, cm, add);
    else if (left == 2) rows_of_tiles<2>(rows, depth, a, am, ak, b, bk, c, cm, add);
    else if (left == 1) rows_of_tiles<1>(rows, depth, a, am, ak, b, bk, c, cm, add);
}
int64_t round_up(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

struct Shape {
    int64_t sequences, context, heads, size;  // size: channels of a head
    float eps;
};
// One head of one sequence: [size, padded] matrices of which the first `columns` are positions, zero beyond the context.
// The row stride is an odd number of cache lines, lest the rows of a matrix compete for the same sets of the cache.
struct Head {
    const Shape &shape;
    int64_t columns, padded, tokens;
    std::vector<float> query, key, value, query_inverse, key_inverse;

    explicit Head(const Shape &shape)
        : shape(shape), columns(round_up(shape.context)), padded(columns + (columns / LANES % 2 ? 0 : LANES)),
          tokens(shape.sequences * shape.context), query(shape.size * padded), key(query.size()), value(query.size()),
          query_inverse(padded), key_inverse(padded) {}

    int64_t row(int64_t part, int64_t head, int64_t channel, int64_t sequence) const {
        return ((part * shape.heads + head) * shape.size + channel) * tokens + sequence * shape.context;
    }

    // Turn by RoPE and normalise: out = rotate(x) / rms(x) · scale; a rotation keeps the norm.
    void pack(const float *x, const float *cos, const float *sin, float scale, float *out, float *inverse) const {
        for (int64_t t = 0; t < shape.context; t += LANES) {
            const int64_t width = shape.context - t;
            Vector squares = {};
            for (int64_t c = 0; c < shape.size; c += 2) {
                const Vector even = load(x + c * tokens + t, width), odd = load(x + (c + 1) * tokens + t, width);
                const Vector turn = load(cos + c / 2 * shape.context + t, width);
                const Vector side = load(sin + c / 2 * shape.context + t, width);
                squares += even * even + odd * odd;
                store(out + c * padded + t, even * turn - odd * side);
                store(out + (c + 1) * padded + t, odd * turn + even * side);
            }
            const Vector inv = reciprocal_root(squares * (1.0f / shape.size) + shape.eps);
            store(inverse + t, inv);
            for (float *at = out + t; at < out + shape.size * padded; at += padded) store(at, load(at) * inv * scale);
        }
    }

    // The backward pass of `pack`: g is the gradient by out, which is overwritten; writes the gradient by x.
    void unpack(float *g, const float *out, const float *inverse, const float *cos, const float *sin, float scale,
                float *gradient) const {
        for (int64_t t = 0; t < shape.context; t += LANES) {
            const int64_t width = shape.context - t;
            Vector inner = {};
            for (int64_t c = 0; c < shape.size; c++) inner += load(g + c * padded + t) * load(out + c * padded + t);
            const Vector inv = load(inverse + t), factor = inv * scale;
            inner *= inv * (1.0f / scale / shape.size);
            for (int64_t c = 0; c < shape.size; c += 2) {
                const Vector even = load(g + c * padded + t) * factor - load(out + c * padded + t) * inner;
                const Vector odd = load(g + (c + 1) * padded + t) * factor - load(out + (c + 1) * padded + t) * inner;
                const Vector turn = load(cos + c / 2 * shape.context + t, width);
                const Vector side = load(sin + c / 2 * shape.context + t, width);
                store(gradient + c * tokens + t, even * turn + odd * side, width);
                store(gradient + (c + 1) * tokens + t, odd * turn - even * side, width);
            }
        }
    }

    void copy(const float *x, float *out) const {
        for (int64_t c = 0; c < shape.size; c++) std::copy_n(x + c * tokens, shape.context, out + c * padded);
    }

    void fill(const float *qkv, const float *cos, const float *sin, int64_t sequence, int64_t head) {
        const float scale = 1.0f / std::sqrt(static_cast<float>(shape.size));
        pack(qkv + row(0, head, 0, sequence), cos, sin, scale, query.data(), query_inverse.data());
        pack(qkv + row(1, head, 0, sequence), cos, sin, 1.0f, key.data(), key_inverse.data());
        copy(qkv + row(2, head, 0, sequence), value.data());
    }

    // Rows first … first + rows of exp(kᵀ·q), zero where the key is later than the query; columns from `first` on.
    void weights(int64_t first, int64_t rows, float *out) const {
        for (int64_t r = 0; r < rows; r += LANES) {
            const int64_t s = first + r, count = std::min<int64_t>(LANES, rows - r);
            multiply(count, columns - s, shape.size, key.data() + s, 1, padded, query.data() + s, padded,
                     out + r * padded + s, padded, false);
            for (int64_t i = 0; i < count; i++) {
                float *line = out + (r + i) * padded;
                for (int64_t t = s; t < columns; t += LANES) store(line + t, exponential(load(line + t)));
                std::fill(line + first, line + s + i, 0.0f);
            }
        }
    }
};

// out[t, c] = in[c, t], rows padded with zeros to `width`.
void transpose(int64_t rows, int64_t columns, const float *in, int64_t stride, float *out, int64_t width) {
    for (int64_t t = 0; t < columns; t++) {
        for (int64_t c = 0; c < rows; c++) out[t * width + c] = in[c * stride + t];
        std::fill(out + t * width + rows, out + (t + 1) * width, 0.0f);
    }
}

}  // namespace

extern "C" {
// out = x / sqrt(mean over rows of x² + eps); inverse is that reciprocal root. [D, N], [N].
void rms_forward(const float *x, float *out, float *inverse, int64_t rows, int64_t tokens, float eps) {
    for (int64_t n = 0; n < tokens; n += LANES * STRIP) {
        Vector squares[STRIP] = {};
        for (int64_t r = 0; r < rows; r++)
            for (int j = 0; j < STRIP && n + j * LANES < tokens; j++) {
                const Vector v = load(x + r * tokens + n + j * LANES, tokens - n - j * LANES);
                squares[j] += v * v;
            }
        for (int j = 0; j < STRIP && n + j * LANES < tokens; j++) {
            squares[j] = reciprocal_root(squares[j] * (1.0f / rows) + eps);
            store(inverse + n + j * LANES, squares[j], tokens - n - j * LANES);
        }
        for (int64_t r = 0; r < rows; r++)
            for (int j = 0; j < STRIP && n + j * LANES < tokens; j++) {
                const int64_t at = r * tokens + n + j * LANES, width = tokens - n - j * LANES;
                store(out + at, load(x + at, width) * squares[j], width);
            }
    }
}

// out = beside + (g - x̂ · mean over rows of g·x̂) · inverse; out may be g or beside.
void rms_backward(const float *g, const float *normal, const float *inverse, const float *beside, float *out,
                  int64_t rows, int64_t tokens) {
    for (int64_t n = 0; n < tokens; n += LANES * STRIP) {
        Vector inner[STRIP] = {}, inv[STRIP] = {};
        for (int64_t r = 0; r < rows; r++)
            for (int j = 0; j < STRIP && n + j * LANES < tokens; j++) {
                const int64_t at = r * tokens + n + j * LANES, width = tokens - n - j * LANES;
                inner[j] += load(g + at, width) * load(normal + at, width);
            }
        for (int j = 0; j < STRIP && n + j * LANES < tokens; j++) {
            inv[j] = load(inverse + n + j * LANES, tokens - n - j * LANES);
            inner[j] *= inv[j] * (1.0f / rows);
        }
        for (int64_t r = 0; r < rows; r++)
            for (int j = 0; j < STRIP && n + j * LANES < tokens; j++) {
                const int64_t at = r * tokens + n + j * LANES, width = tokens - n - j * LANES;
                const Vector base = beside ? load(beside + at, width) : Vector{};
                store(out + at, base + load(g + at, width) * inv[j] - load(normal + at, width) * inner[j], width);
            }
    }
}

// y = causal attention of qkv [3, H, K, B, T] with QK-norm and RoPE, [H, K, B, T]; total [B, H, T] is for the backward.
void attention_forward(const float *qkv, const float *cos, const float *sin, float *y, float *total, int64_t sequences,
                       int64_t context, int64_t heads, int64_t size, float eps) {
    const Shape shape{sequences, context, heads, size, eps};
    Head one(shape);
    const int64_t padded = one.padded, columns = one.columns;
    std::vector<float> weights(BLOCK * padded), result(size * padded), sum(padded);
    for (int64_t b = 0; b < sequences; b++)
        for (int64_t h = 0; h < heads; h++) {
            one.fill(qkv, cos, sin, b, h);
            std::fill(sum.begin(), sum.end(), 0.0f);
            for (int64_t s = 0; s < context; s += BLOCK) {
                const int64_t rows = std::min<int64_t>(BLOCK, context - s);
                one.weights(s, rows, weights.data());
                for (int64_t r = 0; r < rows; r++)
                    for (int64_t t = s; t < columns; t += LANES)
                        store(&sum[t], load(&sum[t]) + load(&weights[r * padded + t]));
                multiply(size, columns - s, rows, &one.value[s], padded, 1, &weights[s], padded, &result[s], padded, s > 0);
            }
            for (int64_t t = 0; t < context; t += LANES) {
                const Vector inverse = 1.0f / load(&sum[t]);
                store(total + (b * heads + h) * context + t, inverse, context - t);
                for (int64_t c = 0; c < size; c++)
                    store(y + one.row(0, h, c, b) + t, load(&result[c * padded + t]) * inverse, context - t);
            }
        }
}

// Gradient by qkv of attention_forward from the gradient by y; the softmax's as dS = P ⊙ (dP - Σ dy ⊙ y) (Dao 2022).
void attention_backward(const float *qkv, const float *cos, const float *sin, const float *y, const float *total,
                        const float *grad_y, float *grad_qkv, int64_t sequences, int64_t context, int64_t heads,
                        int64_t size, float eps) {
    const Shape shape{sequences, context, heads, size, eps};
    Head one(shape);
    const int64_t padded = one.padded, columns = one.columns, wide = round_up(size), area = size * padded;
    std::vector<float> weights(BLOCK * padded), scores(BLOCK * padded), grad(area), inner(padded);
    std::vector<float> query_rows(padded * wide), grad_rows(padded * wide), key_out(padded * wide), value_out(padded * wide);
    std::vector<float> query_grad(area), other(area);
    const float scale = 1.0f / std::sqrt(float(size));
    for (int64_t b = 0; b < sequences; b++)
        for (int64_t h = 0; h < heads; h++) {
            one.fill(qkv, cos, sin, b, h);
            for (int64_t t = 0; t < context; t += LANES) {
                const Vector inverse = load(total + (b * heads + h) * context + t, context - t);
                Vector dot = {};
                for (int64_t c = 0; c < size; c++) {
                    const int64_t at = one.row(0, h, c, b) + t;
                    const Vector g = load(grad_y + at, context - t) * inverse;
                    dot += g * load(y + at, context - t);
                    store(&grad[c * padded + t], g);
                }
                store(&inner[t], dot);
            }
            transpose(size, padded, one.query.data(), padded, query_rows.data(), wide);
            transpose(size, padded, grad.data(), padded, grad_rows.data(), wide);
            for (int64_t s = 0; s < context; s += BLOCK) {
                const int64_t rows = std::min<int64_t>(BLOCK, context - s), later = columns - s;
                one.weights(s, rows, weights.data());
                for (int64_t r = 0; r < rows; r += LANES) {
                    const int64_t count = std::min<int64_t>(LANES, rows - r), from = s + r;
                    multiply(count, columns - from, size, &one.value[from], 1, padded, &grad[from], padded,
                             &scores[r * padded + from], padded, false);
                    for (int64_t i = r; i < r + count; i++) {
                        float *line = &scores[i * padded];
                        std::fill(line + s, line + from, 0.0f);
                        for (int64_t t = from; t < columns; t += LANES)
                            store(line + t, load(&weights[i * padded + t]) * (load(line + t) - load(&inner[t])));
                    }
                }
                multiply(size, later, rows, &one.key[s], padded, 1, &scores[s], padded, &query_grad[s], padded, s > 0);
                multiply(rows, wide, later, &scores[s], padded, 1, &query_rows[s * wide], wide, &key_out[s * wide], wide, false);
                multiply(rows, wide, later, &weights[s], padded, 1, &grad_rows[s * wide], wide, &value_out[s * wide], wide, false);
            }
            float *to_query = grad_qkv + one.row(0, h, 0, b), *to_key = grad_qkv + one.row(1, h, 0, b);
            one.unpack(query_grad.data(), one.query.data(), one.query_inverse.data(), cos, sin, scale, to_query);
            transpose(context, size, key_out.data(), wide, other.data(), padded);
            one.unpack(other.data(), one.key.data(), one.key_inverse.data(), cos, sin, 1.0f, to_key);
            for (int64_t c = 0; c < size; c++)
                for (int64_t t = 0; t < context; t++) grad_qkv[one.row(2, h, c, b) + t] = value_out[t * wide + c];
        }
}

// hidden = silu(gate) ⊙ value, with both = [gate; value] and `count` numbers each.
void swiglu_forward(const float *both, float *hidden, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        const Vector gate = load(both + i, count - i), value = load(both + count + i, count - i);
        store(hidden + i, gate * value / (1.0f + exponential(-gate)), count - i);
    }
}

void swiglu_backward(const float *both, const float *grad_hidden, float *grad_both, int64_t count) {
    for (int64_t i = 0; i < count; i += LANES) {
        const int64_t width = count - i;
        const Vector gate = load(both + i, width), value = load(both + count + i, width);
        const Vector sigmoid = 1.0f / (1.0f + exponential(-gate)), silu = gate * sigmoid;
        const Vector g = load(grad_hidden + i, width);
        store(grad_both + i, g * value * (sigmoid + silu * (1.0f - sigmoid)), width);
        store(grad_both + count + i, g * silu, width);
    }
}

// Logits [V, stride] become exp(logit - maximum), less the total at the target; losses and 1 / (total · tokens) by
// column. Columns are a multiple of LANES·STRIP; the surplus is computed and ignored.
void softmax_loss(float *logits, const int64_t *targets, float *losses, float *scale, int64_t rows, int64_t columns,
                  int64_t stride, int64_t tokens) {
    for (int64_t n = 0; n < columns; n += LANES * STRIP) {
        Vector top[STRIP], total[STRIP] = {};
        for (int j = 0; j < STRIP; j++) top[j] = load(logits + n + j * LANES);
        for (int64_t r = 1; r < rows; r++)
            for (int j = 0; j < STRIP; j++) {
                const Vector v = load(logits + r * stride + n + j * LANES);
                top[j] = v > top[j] ? v : top[j];
            }
        float hit[LANES * STRIP], sums[LANES * STRIP];
        const int64_t width = std::min<int64_t>(columns - n, LANES * STRIP);
        for (int64_t i = 0; i < width; i++) hit[i] = logits[targets[n + i] * stride + n + i];
        for (int64_t r = 0; r < rows; r++)
            for (int j = 0; j < STRIP; j++) {
                float *at = logits + r * stride + n + j * LANES;
                const Vector v = exponential(load(at) - top[j]);
                total[j] += v;
                store(at, v);
            }
        for (int j = 0; j < STRIP; j++) store(sums + j * LANES, total[j]);
        for (int64_t i = 0; i < width; i++) {
            losses[n + i] = std::log(sums[i]) + top[i / LANES][i % LANES] - hit[i];
            scale[n + i] = 1.0f / (sums[i] * tokens);
            logits[targets[n + i] * stride + n + i] -= sums[i];
        }
    }
}

// x[d, n] = table[token n, d].
void embed(const float *table, const int64_t *ids, float *x, int64_t width, int64_t tokens) {
    for (int64_t n = 0; n < tokens; n += LANES)
        for (int64_t d = 0; d < width; d++)
            for (int64_t i = n; i < std::min(n + LANES, tokens); i++) x[d * tokens + i] = table[ids[i] * width + d];
}

// grad[token n, d] += g[d, n].
void embed_backward(const float *g, const int64_t *ids, float *grad, int64_t width, int64_t tokens) {
    for (int64_t n = 0; n < tokens; n += LANES)
        for (int64_t d = 0; d < width; d++)
            for (int64_t i = n; i < std::min(n + LANES, tokens); i++) grad[ids[i] * width + d] += g[d * tokens + i];
}
}
