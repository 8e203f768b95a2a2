#pragma once

#include <vector>

namespace windtunnel::datasets::lab {

/// Averages of a cell grid over the pixels of a camera: `pixels` and `cells` per unit of length; the frame
/// begins at the grid's left edge and is centred vertically. Where pixels are smaller than cells they take
/// the value of the cells that they cover. A frame outside the grid is a usage error.
class Binning {
 public:
  Binning(int height, int width, double pixels, int grid_height, int grid_width, double cells);

  int height() const { return static_cast<int>(rows_.size()); }
  int width() const { return static_cast<int>(columns_.size()); }
  /// `grid` has rows of `stride` values; `image` becomes (height,width).
  void average(const float* grid, int stride, std::vector<float>& image) const;

 private:
  struct Span {
    int first;
    std::vector<float> weight;
  };
  static std::vector<Span> spans(int count, double begin, double length, int cells);
  std::vector<Span> rows_, columns_;
  int grid_width_;
};

}  // namespace windtunnel::datasets::lab
