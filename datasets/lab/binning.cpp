#include "datasets/lab/binning.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace windtunnel::datasets::lab {

std::vector<Binning::Span> Binning::spans(int count, double begin, double length, int cells) {
  std::vector<Span> list;
  for (int i = 0; i < count; ++i) {
    const double low = begin + i * length, high = low + length;
    Span span{std::clamp(static_cast<int>(std::floor(low + 1e-9)), 0, cells - 1), {}};
    const int last = std::clamp(static_cast<int>(std::ceil(high - 1e-9)) - 1, span.first, cells - 1);
    for (int c = span.first; c <= last; ++c)
      span.weight.push_back(
          static_cast<float>((std::min(high, c + 1.0) - std::max(low, double(c))) / length));
    list.push_back(std::move(span));
  }
  return list;
}

Binning::Binning(int height, int width, double pixels, int grid_height, int grid_width, double cells)
    : grid_width_(grid_width) {
  const double size = cells / pixels, top = 0.5 * (grid_height - height * size);
  if (top < -1e-6 || width * size > grid_width + 1e-6)
    throw core::usage_error("the frame reaches outside the burner's domain",
                            "fewer points or more of them per slot width (option pixels)");
  rows_ = spans(height, top, size, grid_height);
  columns_ = spans(width, 0, size, grid_width);
}

void Binning::average(const float* grid, int stride, std::vector<float>& image) const {
  image.assign(rows_.size() * columns_.size(), 0.0f);
  std::vector<float> line(grid_width_);
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::fill(line.begin(), line.end(), 0.0f);
    for (size_t i = 0; i < rows_[r].weight.size(); ++i) {
      const float* from = grid + (static_cast<size_t>(rows_[r].first) + i) * stride;
      for (int x = 0; x < grid_width_; ++x) line[x] += rows_[r].weight[i] * from[x];
    }
    for (size_t c = 0; c < columns_.size(); ++c) {
      float sum = 0;
      for (size_t i = 0; i < columns_[c].weight.size(); ++i)
        sum += columns_[c].weight[i] * line[columns_[c].first + i];
      image[r * columns_.size() + c] = sum;
    }
  }
}

}  // namespace windtunnel::datasets::lab
