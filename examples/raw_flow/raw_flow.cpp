// A Windtunnel plug-in that brings everything: a format for one's own files, a scenario stored in it, a
// metric and a model. Each part stands alone: delete those you do not need.
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "baselines/layers.h"
#include "core/error.h"
#include "core/text.h"
#include "runners/plugin_api.h"

namespace {

namespace core = windtunnel::core;
namespace datasets = windtunnel::datasets;
namespace fs = std::filesystem;
using windtunnel::baselines::Baseline;
using windtunnel::baselines::Convolution;
using windtunnel::baselines::ModelContext;

static_assert(std::endian::native == std::endian::little, "values are read as they lie in the file");

// Format "raw". One file per trajectory:
//   file   = header values
//   header = "windtunnel-raw 1" T H W name... "\n"      ASCII, separated by blanks
//   values = T*H*W*C float32, little endian, axes (T,H,W,C), C the number of names
// A field's source in the scenario is its name in the header.
class RawTrajectory : public datasets::Trajectory {
 public:
  using Trajectory::read;

  RawTrajectory(const datasets::Scenario& scenario, datasets::Side side, const fs::path& file) : file_(file) {
    id_ = file.filename().string();
    parameters_ = scenario.parse_name(id_, side).value_or(std::vector<double>());
    std::ifstream in(file_, std::ios::binary);
    std::string header, magic, version, name;
    std::getline(in, header);
    std::istringstream words(header);
    words >> magic >> version >> frames_ >> height_ >> width_;
    if (!words || magic != "windtunnel-raw" || version != "1")
      throw windtunnel::data_error(path() + ": header '" + header.substr(0, 60) + "'",
                                   "windtunnel-raw 1 T H W name...");
    while (words >> name) names_.push_back(name);
    begin_ = static_cast<int64_t>(header.size()) + 1;
    const int64_t bytes = begin_ + 4 * frames_ * height_ * width_ * channels();
    if (static_cast<int64_t>(fs::file_size(file_)) != bytes)
      throw windtunnel::data_error(path() + ": " + std::to_string(fs::file_size(file_)) + " bytes",
                                   std::to_string(bytes) + " bytes as the header says");
    for (const auto& field : scenario.fields)
      columns_.push_back(field.on(side) ? column(field.place("raw", side)) : -1);
  }

  // Opens the file anew: several threads read at once.
  void read(const std::vector<int64_t>& fields, int64_t begin, int64_t end, int64_t stride, float* out,
            int64_t step) const override {
    const int64_t frame = height_ * width_ * channels();
    std::vector<float> values(static_cast<size_t>((end - begin) * frame));
    std::ifstream in(file_, std::ios::binary);
    in.seekg(begin_ + 4 * begin * frame);
    in.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(4 * values.size()));
    if (!in) throw windtunnel::data_error(path() + ": cannot be read", "a whole file");
    const auto frames = static_cast<size_t>(end - begin);
    int64_t point = 0;
    for (size_t t = 0; t < frames; ++t)
      for (int64_t y = 0; y < height_; y += stride)
        for (int64_t x = 0; x < width_; x += stride, ++point)
          for (size_t i = 0; i < fields.size(); ++i)
            out[point * step + static_cast<int64_t>(i)] =
                values[t * static_cast<size_t>(frame) +
                       static_cast<size_t>((y * width_ + x) * channels() +
                                           columns_[static_cast<size_t>(fields[i])])];
  }
  std::string path() const override { return file_.string(); }

 private:
  int64_t channels() const { return static_cast<int64_t>(names_.size()); }
  int64_t column(const std::string& name) const {
    const auto it = std::find(names_.begin(), names_.end(), name);
    if (it == names_.end())
      throw windtunnel::data_error(path() + " has no field '" + name + "'", core::join(names_, ", "));
    return it - names_.begin();
  }
  fs::path file_;
  std::vector<std::string> names_;
  std::vector<int64_t> columns_;  // by field of the scenario; -1: not on this side
  int64_t begin_ = 0;             // of the values, bytes
};

std::vector<std::string> raw_files(const datasets::Scenario& scenario, const fs::path& root,
                                   datasets::Side side) {
  std::vector<std::string> names;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(scenario.folder(root, to_string(side)), absent))
    if (entry.path().extension() == ".raw" && scenario.parse_name(entry.path().filename().string(), side))
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

class RawStore : public datasets::TrajectoryStore {
 public:
  RawStore(const datasets::Scenario& scenario, const fs::path& root, datasets::Side side)
      : scenario_(scenario), root_(root), side_(side) {}
  std::vector<std::string> ids() const override { return raw_files(scenario_, root_, side_); }
  std::shared_ptr<const datasets::Trajectory> open(const std::string& id) const override {
    const fs::path file = scenario_.folder(root_, to_string(side_)) / id;
    if (!fs::exists(file)) throw windtunnel::data_error("no trajectory " + file.string(), "a .raw file");
    return std::make_shared<RawTrajectory>(scenario_, side_, file);
  }

 private:
  datasets::Scenario scenario_;
  fs::path root_;
  datasets::Side side_;
};

datasets::FormatInfo raw_format() {
  datasets::FormatInfo info;
  info.name = "raw";
  info.summary = "float32 values behind one line of text, <scenario>/<side>/*.raw";
  info.detect = [](const datasets::Scenario& scenario, const fs::path& root, datasets::Side side) {
    return !raw_files(scenario, root, side).empty();
  };
  info.open = [](const datasets::Scenario& scenario, const fs::path& root, datasets::Side side) {
    return std::make_unique<RawStore>(scenario, root, side);
  };
  return info;
}

// Metric "enstrophy_error" of one window (T,H,W,C), the first two fields u and v:
//   mean over t of |Z(P,t) - Z(Y,t)| / mean over t of Z(Y,t),   Z = mean over inner points of (dv/dx -
//   du/dy)^2,
// central differences in grid steps, which cancel in the ratio.
double enstrophy(const core::Array& field, int64_t t) {
  const int64_t h = field.size(1), w = field.size(2), c = field.size(3);
  const auto at = [&](int64_t y, int64_t x, int64_t k) {
    return double{field.data[static_cast<size_t>(((t * h + y) * w + x) * c + k)]};
  };
  double sum = 0;
  for (int64_t y = 1; y + 1 < h; ++y)
    for (int64_t x = 1; x + 1 < w; ++x)
      sum += std::pow((at(y, x + 1, 1) - at(y, x - 1, 1) - at(y + 1, x, 0) + at(y - 1, x, 0)) / 2, 2);
  return sum / static_cast<double>((h - 2) * (w - 2));
}

double enstrophy_error(const core::Array& prediction, const core::Array& target) {
  if (target.size(3) < 2 || target.size(1) < 3 || target.size(2) < 3)
    return std::numeric_limits<double>::quiet_NaN();
  double error = 0, whole = 0;
  for (int64_t t = 0; t < target.size(0); ++t) {
    const double z = enstrophy(target, t);
    error += std::abs(enstrophy(prediction, t) - z);
    whole += z;
  }
  return error / whole;
}

windtunnel::metrics::MetricCard enstrophy_card() {
  windtunnel::metrics::MetricCard card;
  card.id = "enstrophy_error";
  card.name = "Enstrophy error";
  card.formula =
      "mean over windows of mean_t |Z(P) - Z(Y)| / mean_t Z(Y), Z the mean square of dv/dx - du/dy";
  card.unit = "1";
  card.higher_is_better = false;
  card.decimals = 4;
  card.undefined = "fewer than two velocity fields, or a target without vorticity";
  return card;
}

// Model "stepper": frame by frame, y(t+1) = y(t) + conv(y(t), y(t-1)), 3x3.
class Stepper : public Baseline {
 public:
  struct Options : core::Options {
    double initial_scale = 0.1;
    void describe(core::OptionVisitor& v) override {
      v("initial_scale", initial_scale, "factor on the initial weights", core::kNotNegative);
    }
  };

  Stepper(const ModelContext& context, const Options& options) : context_(context) {
    if (context.input.frames < 2 || context.input.channels < context.output.channels)
      throw windtunnel::model_error("stepper cannot be built for this window",
                                    "two input frames that hold every forecast field");
    step_ = register_module(
        "step", std::make_shared<Convolution>(2 * context.output.channels, context.output.channels,
                                              at::IntArrayRef({3, 3})));
    const at::NoGradGuard guard;
    step_->weight.mul_(options.initial_scale);
  }

  // x (B,T,H,W,C_in) normalised -> (B,T',H,W,C_out) normalised.
  at::Tensor forward(const at::Tensor& x) override {
    const at::Tensor fields =
        x.narrow(4, 0, context_.output.channels).permute({1, 0, 4, 2, 3});  // (T,B,C,H,W)
    at::Tensor before = fields[x.size(1) - 2], now = fields[x.size(1) - 1];
    std::vector<at::Tensor> frames;
    for (int64_t t = 0; t < context_.output.frames; ++t) {
      const at::Tensor next = now + at::conv2d(at::cat({now, before}, 1), step_->weight, step_->bias,
                                               /*stride=*/1, /*padding=*/1);
      frames.push_back(next);
      before = now;
      now = next;
    }
    return at::stack(frames, 1).permute({0, 1, 3, 4, 2});
  }

 private:
  ModelContext context_;
  std::shared_ptr<Convolution> step_;
};

constexpr const char* kScenario = R"(
name: eddies
title: Drifting eddies
notes: A row of eddies carried along, written by examples/raw_flow/make_data.py.
licence: Apache-2.0
origin: user
synthetic: true
formats: [raw]
fields:
  - {name: u, unit: m/s, label: streamwise velocity, measured: true, source: {raw: u}}
  - {name: v, unit: m/s, label: transverse velocity, measured: true, source: {raw: v}}
file_pattern: '(\d+)\.raw'
parameters: [{name: strength, unit: "1", type: int}]
dt: 0.1
in_frames: 4
out_frames: 4
interval: 4
trunk_length: 20
frames: 60
stride: {real: 1, numerical: 1}
held_out_in_dist: 1
held_out_out_dist: 1
)";

constexpr const char* kPresets = R"(
presets:
  tiny:
    all:
      training: {learning_rate: 1.0e-2, updates: 60, batch_size: 4, seed: 0, validation_points: 5}
  small:
    all:
      training: {learning_rate: 3.0e-3, updates: 1000, batch_size: 8, seed: 0}
)";

}  // namespace

WINDTUNNEL_PLUGIN("raw_flow", "0.1.0", "Apache-2.0", host) {
  host.add_format(raw_format());
  host.add_scenario(kScenario);
  host.add_metric(enstrophy_card(), enstrophy_error);
  host.add_baseline(windtunnel::plugin::baseline<Stepper>(
      "stepper", "one 3x3 convolution per time step on the last two frames"));
  host.add_presets("stepper", kPresets);
}
