#pragma once

#include <cstdint>

// Channel normalisation (x - mean) / sqrt(var + 1e-5) * gamma of rows of C floats, C a multiple of 8.
namespace windtunnel::baselines::unet {

/// y (count,C) from x (count,C), both contiguous.
void normalise_rows(const float* x, const float* gamma, float* y, int64_t count, int64_t channels);

/// dx (count,C) = residual + gradient of the normalisation for dy (count,C); adds to dgamma (C).
void normalise_rows_backward(const float* x, const float* gamma, const float* dy, const float* residual,
                             float* dx, float* dgamma, int64_t count, int64_t channels);

/// out = a + b (+ bias per channel if not null); rows of C floats.
void add_rows(const float* a, const float* b, const float* bias, float* out, int64_t count, int64_t channels);

}  // namespace windtunnel::baselines::unet
