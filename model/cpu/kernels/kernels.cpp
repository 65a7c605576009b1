// Fused fp32 kernels of a small Transformer on one CPU thread: the functions that model.cpu.build loads.
//
// The residual stream is [B, D, S]: a channel's positions are contiguous, S = padded_context of them, of which the first
// `columns` are computed. Those beyond the context hold finite numbers, and their gradients are zero.

#include "attention.h"
#include "head.h"
#include "mlp.h"

// Floats from one channel of a sequence to the next.
extern "C" int64_t padded_context(int64_t context) { return stride_of(context); }

// Whether all ids are entries of the vocabulary: the other functions read memory by them.
extern "C" bool ids_are_valid(const int64_t *ids, int64_t count, int64_t vocab) {
    return std::all_of(ids, ids + count, [vocab](int64_t id) { return id >= 0 && id < vocab; });
}
