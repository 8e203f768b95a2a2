#include "datasets/lab/measurement.h"

#include <functional>

#include "core/error.h"
#include "core/text.h"
#include "datasets/lab/piv/piv.h"
#include "datasets/lab/turbulence.h"

namespace windtunnel::datasets::lab {
namespace {

class Ideal : public Measurement {
 public:
  int refine() const override { return 1; }
  int margin() const override { return 1; }  // so that added turbulence reaches the frame's edge
  void measure(const Picture& picture, const std::vector<float>&, NormalStream&, std::vector<float>& u,
               std::vector<float>& v) override {
    u.clear();
    v.clear();
    for (int r = 1; r < picture.height - 1; ++r) {
      const size_t begin = static_cast<size_t>(r) * picture.width + 1, end = begin + picture.width - 2;
      u.insert(u.end(), picture.u.begin() + static_cast<int64_t>(begin),
               picture.u.begin() + static_cast<int64_t>(end));
      v.insert(v.end(), picture.v.begin() + static_cast<int64_t>(begin),
               picture.v.begin() + static_cast<int64_t>(end));
    }
  }
};

class Model : public Measurement {
 public:
  int refine() const override { return 2; }
  int margin() const override { return 1; }
  void measure(const Picture& picture, const std::vector<float>&, NormalStream& random, std::vector<float>& u,
               std::vector<float>& v) override {
    const int height = picture.height / 2 - 2, width = picture.width / 2 - 2;
    const size_t n = static_cast<size_t>(height) * width;
    strain_rate(picture, strain_);
    for (auto* f : {&u, &v, &noise_, &outside_}) f->assign(n, 0);
    for (int r = 0; r < height; ++r)
      for (int c = 0; c < width; ++c) average(picture, r, c, static_cast<size_t>(r) * width + c, u, v);
    for (auto* field : {&u, &v}) add_noise(*field, height, width, random);
    for (size_t k = 0; k < n; ++k)
      if (random.uniform() < 0.015 && outside_[k] > 0)
        for (auto* field : {&u, &v}) (*field)[k] = median(*field, height, width, static_cast<int>(k));
    for (size_t k = 0; k < n; ++k)
      if (outside_[k] <= 0) u[k] = v[k] = 0;
  }

 private:
  /// Mean over the points of the window that lie outside the body; the vector itself must lie outside, too.
  void average(const Picture& picture, int r, int c, size_t k, std::vector<float>& u, std::vector<float>& v) {
    const int first_row = 2 * r + 1, first_column = 2 * c + 1;
    float sum_u = 0, sum_v = 0, strain = 0, count = 0, nearest = 0;
    for (int i = first_row; i < first_row + 4; ++i)
      for (int j = first_column; j < first_column + 4; ++j) {
        const size_t at = static_cast<size_t>(i) * picture.width + j;
        if (i > first_row && i < first_row + 3 && j > first_column && j < first_column + 3)
          nearest += picture.distance[at] / 4;
        if (picture.distance[at] <= 0) continue;
        sum_u += picture.u[at];
        sum_v += picture.v[at];
        strain += strain_[at];
        count += 1;
      }
    if (count == 0 || nearest <= 0) return;
    u[k] = sum_u / count;
    v[k] = sum_v / count;
    noise_[k] = 0.012f + 0.02f * strain / count;
    outside_[k] = 1;
  }

  void add_noise(std::vector<float>& field, int height, int width, NormalStream& random) {
    white_.resize(static_cast<size_t>(height + 1) * (width + 1));
    for (auto& w : white_) w = static_cast<float>(random.normal());
    for (int r = 0; r < height; ++r)
      for (int c = 0; c < width; ++c) {
        const float* w = white_.data() + static_cast<size_t>(r) * (width + 1) + c;
        const size_t k = static_cast<size_t>(r) * width + c;
        field[k] += noise_[k] * 0.5f * (w[0] + w[1] + w[width + 1] + w[width + 2]);
      }
  }

  /// Keeps the first count + 1 values sorted.
  static void insert(float* values, int count, float value) {
    int at = count;
    for (; at > 0 && values[at - 1] > value; --at) values[at] = values[at - 1];
    values[at] = value;
  }

  static float median(const std::vector<float>& field, int height, int width, int k) {
    float values[8];
    int count = 0;
    for (int i = -1; i <= 1; ++i)
      for (int j = -1; j <= 1; ++j) {
        const int r = k / width + i, c = k % width + j;
        if ((i || j) && r >= 0 && c >= 0 && r < height && c < width)
          insert(values, count++, field[static_cast<size_t>(r) * width + c]);
      }
    return count % 2 ? values[count / 2] : 0.5f * (values[count / 2 - 1] + values[count / 2]);
  }

  std::vector<float> strain_, noise_, outside_, white_;
};

/// A good day in the laboratory: larger displacement, little motion across the sheet, smoothed vectors.
piv::BenchOptions low_noise() {
  piv::BenchOptions options;
  options.displacement = 8;
  options.depth_jitter = 0.025;
  options.smooth = true;
  return options;
}

using Factory = std::function<std::unique_ptr<Measurement>()>;
const std::vector<std::pair<std::string, Factory>>& factories() {
  static const std::vector<std::pair<std::string, Factory>> list = {
      {"ideal", [] { return std::make_unique<Ideal>(); }},
      {"noise", [] { return std::make_unique<Model>(); }},
      {"piv", [] { return std::make_unique<piv::ParticleImageVelocimetry>(); }},
      {"piv_low", [] { return std::make_unique<piv::ParticleImageVelocimetry>(low_noise()); }},
  };
  return list;
}

}  // namespace

std::unique_ptr<Measurement> make_measurement(const std::string& name) {
  for (const auto& [known, make] : factories())
    if (name == known) return make();
  throw core::usage_error("unknown instrument '" + name + "'",
                          "one of " + core::join(measurement_names(), ", "),
                          core::suggestion(name, measurement_names()));
}

std::vector<std::string> measurement_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : factories()) names.push_back(name);
  return names;
}

}  // namespace windtunnel::datasets::lab
