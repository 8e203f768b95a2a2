#include "datasets/lab/smoothing.h"

#include <algorithm>
#include <cmath>

#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {

void smooth(std::vector<float>& field, std::vector<float>& scratch, int height, int width, double sigma) {
  const int reach = static_cast<int>(std::ceil(3 * sigma));
  std::vector<float> weight;
  double sum = 0;
  for (int k = -reach; k <= reach; ++k) sum += exp_of(-0.5 * k * k / (sigma * sigma));
  for (int k = -reach; k <= reach; ++k)
    weight.push_back(static_cast<float>(exp_of(-0.5 * k * k / (sigma * sigma)) / sum));
  scratch.assign(field.size(), 0);
  for (int r = 0; r < height; ++r)
    for (int k = -reach; k <= reach; ++k) {
      const float* from = field.data() + static_cast<size_t>(std::clamp(r + k, 0, height - 1)) * width;
      float* to = scratch.data() + static_cast<size_t>(r) * width;
      const float w = weight[k + reach];
      for (int c = 0; c < width; ++c) to[c] += w * from[c];
    }
  for (int r = 0; r < height; ++r) {
    const float* from = scratch.data() + static_cast<size_t>(r) * width;
    float* to = field.data() + static_cast<size_t>(r) * width;
    for (int c = 0; c < width; ++c) {
      float value = 0;
      for (int k = -reach; k <= reach; ++k)
        value += weight[k + reach] * from[std::clamp(c + k, 0, width - 1)];
      to[c] = value;
    }
  }
}

}  // namespace windtunnel::datasets::lab
