#include "datasets/lab/piv/multi_pass.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace windtunnel::datasets::lab::piv {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::string size_text(const GreyImage& image) {
  return std::to_string(image.width) + " x " + std::to_string(image.height);
}

/// Flags outliers and makes them, and what was missing, gaps.
std::vector<uint8_t> drop_outliers(VectorField& field, const MultiPassOptions& options) {
  auto flags = normalised_median_test(field, options.epsilon, options.threshold);
  for (size_t k = 0; k < flags.size(); ++k) {
    if (flags[k]) field.u[k] = field.v[k] = kMissing;
    flags[k] = std::isnan(field.u[k]);
  }
  return flags;
}

/// Sums over rectangles of an image, after one pass over it.
class RectangleSums {
 public:
  template <class Value>
  RectangleSums(int height, int width, Value value) : width_(width + 1) {
    sums_.assign(static_cast<size_t>(height + 1) * width_, 0);
    for (int r = 0; r < height; ++r)
      for (int c = 0; c < width; ++c) at(r + 1, c + 1) = value(r, c) + at(r, c + 1) + at(r + 1, c) - at(r, c);
  }
  /// Rows [r0, r1), columns [c0, c1).
  double sum(int r0, int c0, int r1, int c1) const {
    return at(r1, c1) - at(r0, c1) - at(r1, c0) + at(r0, c0);
  }

 private:
  double& at(int r, int c) { return sums_[static_cast<size_t>(r) * width_ + c]; }
  double at(int r, int c) const { return sums_[static_cast<size_t>(r) * width_ + c]; }
  int width_;
  std::vector<double> sums_;
};

/// What a mask does to pictures and windows.
class Cover {
 public:
  explicit Cover(const PixelMask& mask)
      : mask_(mask), open_(mask.height, mask.width, [&](int r, int c) { return hidden(r, c) ? 0.0 : 1.0; }) {}

  bool empty() const { return mask_.hidden.empty(); }
  /// More than half of a window is hidden.
  bool hides(int row, int column, int window) const {
    return !empty() &&
           2 * open_.sum(row, column, row + window, column + window) < double{1} * window * window;
  }
  /// Hidden pixels become the mean of the open ones at most `reach` away, or of all open ones.
  GreyImage apply(const GreyImage& image, int reach) const {
    if (empty()) return image;
    const RectangleSums grey(image.height, image.width,
                             [&](int r, int c) { return hidden(r, c) ? 0.0 : double{image.at(r, c)}; });
    const double all =
        grey.sum(0, 0, image.height, image.width) / std::max(1.0, open_.sum(0, 0, image.height, image.width));
    GreyImage out = image;
    for (int r = 0; r < image.height; ++r)
      for (int c = 0; c < image.width; ++c) {
        if (!hidden(r, c)) continue;
        const int r0 = std::max(0, r - reach), r1 = std::min(image.height, r + reach + 1),
                  c0 = std::max(0, c - reach), c1 = std::min(image.width, c + reach + 1);
        const double count = open_.sum(r0, c0, r1, c1);
        out.value[static_cast<size_t>(r) * image.width + c] =
            static_cast<float>(count > 0 ? grey.sum(r0, c0, r1, c1) / count : all);
      }
    return out;
  }

 private:
  bool hidden(int r, int c) const { return mask_.hidden[static_cast<size_t>(r) * mask_.width + c] != 0; }

  const PixelMask& mask_;
  RectangleSums open_;
};

}  // namespace

MultiPassResult multi_pass(const GreyImage& first, const GreyImage& second, const MultiPassOptions& o,
                           const PixelMask& mask) {
  if (!mask.hidden.empty() && (mask.width != first.width || mask.height != first.height))
    throw core::data_error("a mask of " + std::to_string(mask.width) + " x " + std::to_string(mask.height) +
                               " pixels for pictures of " + size_text(first),
                           "equal sizes");
  const Cover cover(mask);
  const GreyImage a = cover.apply(first, o.window / 2), b = cover.apply(second, o.window / 2);
  if (a.width != b.width || a.height != b.height)
    throw core::data_error("pictures of " + size_text(a) + " and " + size_text(b) + " pixels", "equal sizes");
  if (a.width < 3 * o.window || a.height < 3 * o.window)
    throw core::data_error("pictures of " + size_text(a) + " pixels",
                           "at least three windows of " + std::to_string(o.window) + " pixels each way");
  if (o.step < 1 || o.passes < 1 || o.passes > 2)
    throw core::usage_error("step " + std::to_string(o.step) + ", passes " + std::to_string(o.passes),
                            "a positive step, one or two passes");
  Correlator last(o.window);
  MultiPassResult result;
  VectorField& field = result.field;
  field.height = (a.height - o.window) / o.step + 1;
  field.width = (a.width - o.window) / o.step + 1;
  const auto count = static_cast<size_t>(field.height) * field.width;
  std::vector<Displacement> found;
  std::vector<WindowPair> windows;
  field.u.assign(count, 0);
  field.v.assign(count, 0);
  if (o.passes == 2) {
    // One wide window for each 2 x 2 vectors, centred between them.
    VectorField coarse{(field.height + 1) / 2, (field.width + 1) / 2, {}, {}};
    const int wide = std::min(64, 2 * o.window), more = (wide - o.window - o.step) / 2;
    for (int r = 0; r < coarse.height; ++r)
      for (int c = 0; c < coarse.width; ++c) {
        const int row = std::clamp(2 * r * o.step - more, 0, a.height - wide),
                  column = std::clamp(2 * c * o.step - more, 0, a.width - wide);
        windows.push_back({row, column, row, column});
      }
    Correlator(wide).run(a, b, windows, found);
    for (size_t k = 0; k < found.size(); ++k) {
      const auto& d = found[k];
      const bool good =
          d.peak_ratio >= o.least_ratio && !cover.hides(windows[k].row_a, windows[k].column_a, wide);
      coarse.u.push_back(good ? d.u : kMissing);
      coarse.v.push_back(good ? d.v : kMissing);
    }
    drop_outliers(coarse, o);
    fill_gaps(coarse, std::vector<uint8_t>(found.size(), 0));
    for (int r = 0; r < field.height; ++r)
      for (int c = 0; c < field.width; ++c) {
        const auto from = static_cast<size_t>(r / 2) * coarse.width + c / 2,
                   to = static_cast<size_t>(r) * field.width + c;
        field.u[to] = coarse.u[from];
        field.v[to] = coarse.v[from];
      }
  }

  // The two windows stand apart by the rounded prediction, half of it each way, inside the pictures.
  windows.clear();
  for (int r = 0; r < field.height; ++r)
    for (int c = 0; c < field.width; ++c) {
      const size_t k = static_cast<size_t>(r) * field.width + c;
      const auto place = [&](int corner, double shift, int size, int& in_a, int& in_b) {
        const int most = size - o.window;
        const int whole = std::clamp(static_cast<int>(std::floor(shift + 0.5)), -most, most);
        in_a = corner - static_cast<int>(std::floor(whole / 2.0));
        in_a = std::clamp(in_a, std::max(0, -whole), std::min(most, most - whole));
        in_b = in_a + whole;
      };
      WindowPair w;
      place(r * o.step, field.v[k], a.height, w.row_a, w.row_b);
      place(c * o.step, field.u[k], a.width, w.column_a, w.column_b);
      windows.push_back(w);
    }
  last.run(a, b, windows, found);
  for (size_t k = 0; k < count; ++k) {
    field.u[k] = windows[k].column_b - windows[k].column_a + found[k].u;
    field.v[k] = windows[k].row_b - windows[k].row_a + found[k].v;
    result.ratio.push_back(found[k].peak_ratio);
    const int row = static_cast<int>(k) / field.width, column = static_cast<int>(k) % field.width;
    result.blank.push_back(cover.hides(row * o.step, column * o.step, o.window));
    if (result.blank[k]) field.u[k] = field.v[k] = kMissing;
  }
  result.replaced = drop_outliers(field, o);
  for (size_t k = 0; k < count; ++k)
    if (result.blank[k]) result.replaced[k] = 0;
  fill_gaps(field, result.blank);
  return result;
}

}  // namespace windtunnel::datasets::lab::piv
