#pragma once

#include <vector>

namespace windtunnel::datasets::lab {

/// Separable Gaussian with standard deviation `sigma` points over a field (H,W); edge values continue
/// outside.
void smooth(std::vector<float>& field, std::vector<float>& scratch, int height, int width, double sigma);

}  // namespace windtunnel::datasets::lab
