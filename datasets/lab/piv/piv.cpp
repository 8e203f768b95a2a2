#include "datasets/lab/piv/piv.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace windtunnel::datasets::lab::piv {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kLeastRatio = 1.2;

void drop_outliers(VectorField& field) {
  const auto flags = normalised_median_test(field);
  for (size_t k = 0; k < flags.size(); ++k)
    if (flags[k]) field.u[k] = field.v[k] = kNone;
}

}  // namespace

void ParticleImageVelocimetry::measure(const Picture& picture, const std::vector<float>& across,
                                       NormalStream& random, std::vector<float>& u, std::vector<float>& v) {
  const int height = picture.height / picture.refine - 2 * picture.margin;
  const int width = picture.width / picture.refine - 2 * picture.margin;
  if (!images_) images_ = std::make_unique<ParticleImages>(options_, height, width);
  BenchRandom bench(random.below(1u << 31) << 31 | random.below(1u << 31));
  images_->record(picture, across, bench, a_, b_);

  std::vector<uint8_t> blank(static_cast<size_t>(height) * width);
  for (int r = 0; r < height; ++r)
    for (int c = 0; c < width; ++c) {
      // Mean of the four points around the vector.
      float distance = 0;
      const int row = (r + picture.margin) * picture.refine, column = (c + picture.margin) * picture.refine;
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j)
          distance += picture.distance[static_cast<size_t>(row + i) * picture.width + column + j];
      blank[static_cast<size_t>(r) * width + c] = distance <= 0;
    }
  correlate(blank, height, width);
  const auto scale = static_cast<float>(1 / options_.displacement);
  u.resize(blank.size());
  v.resize(blank.size());
  for (size_t k = 0; k < blank.size(); ++k) {
    u[k] = scale * static_cast<float>(measured_.u[k]);
    v[k] = scale * static_cast<float>(measured_.v[k]);
  }
}

void ParticleImageVelocimetry::correlate(const std::vector<uint8_t>& blank, int height, int width) {
  const int spacing = options_.vector_spacing, margin = options_.margin;
  // First pass: one window of 32 px for each 2 x 2 vectors, centred between them.
  predicted_.height = (height + 1) / 2;
  predicted_.width = (width + 1) / 2;
  windows_.clear();
  for (int r = 0; r < predicted_.height; ++r)
    for (int c = 0; c < predicted_.width; ++c) {
      const int row = margin + (2 * r + 1) * spacing - 16, column = margin + (2 * c + 1) * spacing - 16;
      windows_.push_back({row, column, row, column});
    }
  coarse_.run(a_, b_, windows_, found_);
  predicted_.u.resize(found_.size());
  predicted_.v.resize(found_.size());
  for (size_t k = 0; k < found_.size(); ++k) {
    const bool good = found_[k].peak_ratio >= kLeastRatio;
    predicted_.u[k] = good ? found_[k].u : kNone;
    predicted_.v[k] = good ? found_[k].v : kNone;
  }
  drop_outliers(predicted_);
  fill_gaps(predicted_, std::vector<uint8_t>(found_.size(), 0));

  // Second pass: 16 px around each vector, the two windows moved apart by the rounded prediction.
  windows_.clear();
  std::vector<WindowPair> shift;
  const auto apart = [&](double value) {
    return std::clamp(static_cast<int>(std::floor(value + 0.5)), -(margin - 8), margin - 8);
  };
  for (int r = 0; r < height; ++r)
    for (int c = 0; c < width; ++c) {
      const size_t k = static_cast<size_t>(r / 2) * predicted_.width + c / 2;
      const int dr = apart(predicted_.v[k]), dc = apart(predicted_.u[k]);
      const auto half = [](int d) { return d >= 0 ? d / 2 : -((1 - d) / 2); };
      const int row = margin + r * spacing + spacing / 2 - 8 - half(dr);
      const int column = margin + c * spacing + spacing / 2 - 8 - half(dc);
      windows_.push_back({row, column, row + dr, column + dc});
      shift.push_back({dr, dc, 0, 0});
    }
  fine_.run(a_, b_, windows_, found_);
  measured_.height = height;
  measured_.width = width;
  measured_.u.resize(found_.size());
  measured_.v.resize(found_.size());
  for (size_t k = 0; k < found_.size(); ++k) {
    measured_.u[k] = blank[k] ? kNone : shift[k].column_a + found_[k].u;
    measured_.v[k] = blank[k] ? kNone : shift[k].row_a + found_[k].v;
  }
  drop_outliers(measured_);
  size_t gaps = 0, seen = 0;
  for (size_t k = 0; k < found_.size(); ++k) {
    seen += blank[k] ? 0 : 1;
    gaps += !blank[k] && std::isnan(measured_.u[k]) ? 1 : 0;
  }
  replaced_ = static_cast<double>(gaps) / static_cast<double>(std::max<size_t>(1, seen));
  fill_gaps(measured_, blank);
  if (options_.smooth) median_filter(measured_, blank);
}

}  // namespace windtunnel::datasets::lab::piv
