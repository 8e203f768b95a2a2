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

}  // namespace

MultiPassResult multi_pass(const GreyImage& a, const GreyImage& b, const MultiPassOptions& o) {
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
    for (const auto& d : found) {
      coarse.u.push_back(d.peak_ratio >= o.least_ratio ? d.u : kMissing);
      coarse.v.push_back(d.peak_ratio >= o.least_ratio ? d.v : kMissing);
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
  }
  result.replaced = drop_outliers(field, o);
  fill_gaps(field, std::vector<uint8_t>(count, 0));
  return result;
}

}  // namespace windtunnel::datasets::lab::piv
