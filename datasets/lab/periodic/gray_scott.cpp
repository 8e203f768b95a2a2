#include "datasets/lab/periodic/gray_scott.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "datasets/lab/periodic/sampling.h"
#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {
namespace {

std::vector<double> decay_rates(const GrayScottOptions& o, double feed, double kill, const Fourier& f) {
  std::vector<double> rates;
  for (size_t i = 0; i < f.modes(); ++i) rates.push_back(-o.diffusion_a * f.square(i) - feed);
  for (size_t i = 0; i < f.modes(); ++i) rates.push_back(-o.diffusion_b * f.square(i) - feed - kill);
  return rates;
}

std::vector<std::vector<double>> pairs(const PeriodicOptions& options) {
  const auto& o = static_cast<const GrayScottOptions&>(options);
  if (o.feed.size() != o.kill.size() || o.feed.empty())
    throw core::usage_error(
        std::to_string(o.feed.size()) + " feed rates and " + std::to_string(o.kill.size()) + " kill rates",
        "one kill rate per feed rate, at least one of each");
  const bool blobs = o.blobs.size() == 2 && 0 < o.blobs[0] && o.blobs[0] <= o.blobs[1];
  const bool widths = o.blob_width.size() == 2 && 0 < o.blob_width[0] && o.blob_width[0] <= o.blob_width[1];
  if (!blobs || !widths)
    throw core::usage_error("blobs or blob_width is no range", "two positive numbers, the smaller one first");
  std::vector<std::vector<double>> list;
  for (size_t i = 0; i < o.feed.size(); ++i) list.push_back({o.feed[i], o.kill[i]});
  return list;
}

const SystemRegistration registration({"gray_scott",
                                       {{"A", "1", "A", 0}, {"B", "1", "B", 0}},
                                       {"F", "k"},
                                       [] { return std::make_unique<GrayScottOptions>(); },
                                       pairs,
                                       [](const PeriodicOptions& options,
                                          const std::vector<double>& parameters) {
                                         return std::make_unique<GrayScott>(
                                             static_cast<const GrayScottOptions&>(options), parameters);
                                       }});

}  // namespace

GrayScottOptions::GrayScottOptions()
    // Gliders, bubbles, maze, worms, spirals, spots.
    : feed{0.014, 0.098, 0.029, 0.058, 0.018, 0.03}, kill{0.054, 0.057, 0.057, 0.065, 0.051, 0.062} {}

void GrayScottOptions::describe(core::OptionVisitor& v) {
  PeriodicOptions::describe(v);
  v("feed", feed, "feed rates F");
  v("kill", kill, "kill rates k, one per feed rate");
  v.choice("starts", starts, {"both", "clusters", "series"},
           "initial states: clusters of Gaussians, Fourier series");
  v("blobs", blobs, "Gaussians of a cluster: fewest, most");
  v("blob_width", blob_width, "of a Gaussian: narrowest, widest");
  v("diffusion_a", diffusion_a, "diffusion of A", core::kNotNegative);
  v("diffusion_b", diffusion_b, "diffusion of B", core::kNotNegative);
}

GrayScott::GrayScott(const GrayScottOptions& options, const std::vector<double>& parameters)
    : options_(options),
      feed_(parameters.at(0)),
      steps_(steps_between(options.frame_interval, options.step)),
      fourier_(options.height * options.refinement, options.width * options.refinement, options.length_x,
               options.length_y),
      stepper_(decay_rates(options, feed_, parameters.at(1), fourier_),
               options.frame_interval / static_cast<double>(steps_)),
      v_(2 * fourier_.modes()),
      a_(fourier_.points()),
      b_(fourier_.points()) {}

void GrayScott::start_from(const std::vector<double>& a, const std::vector<double>& b) {
  fourier_.forward(a.data(), v_.data());
  fourier_.forward(b.data(), v_.data() + fourier_.modes());
}

void GrayScott::start(uint64_t seed, int64_t number) {
  std::vector<double> a(fourier_.points()), b(fourier_.points());
  if (options_.starts == "clusters" || (options_.starts == "both" && number % 2 == 0)) {
    clusters(seed, a, b);
  } else {
    a = series(seed);
    b = series(seed + 1);
  }
  start_from(a, b);
}

void GrayScott::clusters(uint64_t seed, std::vector<double>& a, std::vector<double>& b) const {
  NormalStream random(seed);
  const auto between = [&](double low, double high) { return low + (high - low) * random.uniform(); };
  const auto count =
      std::llround(between(static_cast<double>(options_.blobs[0]), static_cast<double>(options_.blobs[1])));
  const int64_t height = fourier_.height(), width = fourier_.width();
  const auto add = [&](std::vector<double>& field) {
    const double x0 = random.uniform() * options_.length_x, y0 = random.uniform() * options_.length_y;
    const double amplitude = between(0.5, 1),
                 width_of = between(options_.blob_width[0], options_.blob_width[1]);
    const double sharpness = 1 / (width_of * width_of);
    for (int64_t i = 0; i < height; ++i)
      for (int64_t j = 0; j < width; ++j) {
        const double dx = periodic_distance(
                         static_cast<double>(i) / static_cast<double>(height) * options_.length_x, x0,
                         options_.length_x),
                     dy = periodic_distance(
                         static_cast<double>(j) / static_cast<double>(width) * options_.length_y, y0,
                         options_.length_y);
        field[static_cast<size_t>(i * width + j)] += amplitude * exp_of(-sharpness * (dx * dx + dy * dy));
      }
  };
  for (int64_t n = 0; n < count; ++n) {
    add(a);
    add(b);
  }
  for (double& value : a) value = 1 - std::min(1.0, value);
  for (double& value : b) value = std::min(1.0, value);
}

std::vector<double> GrayScott::series(uint64_t seed) {
  NormalStream random(seed);
  const double highest = 2 * kPi * 8 / std::max(options_.length_x, options_.length_y);
  std::vector<Complex> modes(fourier_.modes());
  for (size_t i = 0; i < modes.size(); ++i)
    if (fourier_.square(i) <= highest * highest && fourier_.kept(i)) {
      const double re = random.normal();
      modes[i] = {re, random.normal()};
    }
  std::vector<double> field(fourier_.points());
  fourier_.inverse(modes.data(), field.data());
  const auto [low, high] = std::minmax_element(field.begin(), field.end());
  const double offset = *low, range = std::max(*high - *low, 1e-300);
  for (double& value : field) value = (value - offset) / range;
  return field;
}

void GrayScott::reaction(const std::vector<Complex>& v, std::vector<Complex>& out) {
  const size_t modes = fourier_.modes();
  fourier_.inverse(v.data(), a_.data());
  fourier_.inverse(v.data() + modes, b_.data());
  for (size_t p = 0; p < a_.size(); ++p) a_[p] *= b_[p] * b_[p];
  fourier_.forward(a_.data(), out.data() + modes);
  for (size_t i = 0; i < modes; ++i) out[i] = -out[modes + i];
  out[0] += feed_;
}

void GrayScott::advance() {
  for (int64_t s = 0; s < steps_; ++s)
    stepper_.advance(v_, [this](const auto& v, auto& out) { reaction(v, out); });
}

std::pair<std::vector<double>, std::vector<double>> GrayScott::state() const {
  std::vector<double> a(fourier_.points()), b(fourier_.points());
  fourier_.inverse(v_.data(), a.data());
  fourier_.inverse(v_.data() + fourier_.modes(), b.data());
  return {a, b};
}

std::vector<std::vector<float>> GrayScott::fields() const {
  const auto [a, b] = state();
  return {delivered({&a}, options_), delivered({&b}, options_)};
}

}  // namespace windtunnel::datasets::lab
