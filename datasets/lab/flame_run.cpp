#include "datasets/lab/flame_run.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/sha256.h"
#include "core/text.h"
#include "datasets/lab/smoothing.h"

namespace windtunnel::datasets::lab {
namespace {

constexpr double kFastest = 0.06;       // U in lattice units
constexpr double kAtmosphere = 101325;  // Pa
constexpr double kBurnerRadius = 1.6;   // w
constexpr double kScalarCost = 4;       // time of a step of the scalars over one of the flow

const std::vector<std::string> kChannels = {"Absolute_Pressure",    "Chemistry_Heat_Release_Rate",
                                            "Mole_Fraction_of_CH4", "Mole_Fraction_of_CO",
                                            "Mole_Fraction_of_CO2", "Mole_Fraction_of_H2O",
                                            "Mole_Fraction_of_NH2", "Mole_Fraction_of_NH3",
                                            "Mole_Fraction_of_OH",  "Pressure",
                                            "Temperature",          "Velocity[i]",
                                            "Velocity[j]",          "Velocity[k]",
                                            "Velocity_Magnitude"};

double setting(const core::Json& values, const char* key) {
  const auto it = values.find(key);
  if (it == values.end() || !it->is_number())
    throw core::usage_error(std::string("the flame's settings have no number '") + key + "'");
  return it->get<double>();
}

double parameter(const LabSettings& settings, const Configuration& c, const std::string& name) {
  for (size_t i = 0; i < settings.parameters.size(); ++i)
    if (settings.parameters[i].name == name) return c.values[i];
  throw core::usage_error("scenario " + settings.name + " has no parameter '" + name + "'");
}

/// Largest w of a flat flame with Y = 1 - T, per step.
double largest_rate(const ReactionOptions& o) {
  double largest = 0;
  for (int i = 0; i <= 1000; ++i) {
    const double t = i / 1000.0;
    largest = std::max(largest, (1 - t) * exp_of(-o.beta * (1 - t) / (1 - o.alpha * (1 - t))));
  }
  return largest * o.flame_speed * o.flame_speed / o.diffusivity() * o.beta * o.beta / (2 * o.lewis);
}

}  // namespace

FlameRun::FlameRun(const RecordingRequest& request)
    : options_(request.options),
      settings_(request.settings),
      configuration_(request.configuration),
      real_(request.real),
      tick_(request.tick),
      stream_(core::stream_seed(static_cast<uint64_t>(options_.seed),
                                settings_.name + "/" + configuration_.sim_id)),
      mixture_(make_mixture(parameter(settings_, configuration_, "ammonia_share") / 100,
                            parameter(settings_, configuration_, "equivalence_ratio"))),
      interval_(lab::frame_interval(options_, settings_, configuration_.reynolds)),
      instrument_(core::stream_seed(stream_, "instrument")) {
  const bool other_flow = real_ && options_.gap_inflow, other_model = real_ && options_.gap_closure;
  FlameOptions& f = flame_options_;
  f.length = settings_.length;
  f.height = settings_.height;
  f.cells =
      static_cast<int>(real_ && options_.gap_resolution ? options_.measured_cells : options_.simulated_cells);
  f.reynolds = configuration_.reynolds;
  f.smagorinsky = other_model ? options_.mixing_length * f.cells : options_.smagorinsky;
  f.flow = other_flow ? 1 + setting(settings_.flame, "flow_error") : 1;
  f.modulation = setting(settings_.flame, other_flow ? "modulation_real" : "modulation");
  f.period = setting(settings_.flame, "period");
  f.intensity = setting(settings_.flame, "intensity");
  f.ramp = setting(settings_.flame, "ramp");
  f.flame_speed = setting(settings_.flame, "flame_speed") * mixture_.flame_speed *
                  (other_model ? 1 + setting(settings_.flame, "flame_speed_error") : 1);
  f.thickness = setting(settings_.flame, "thickness");
  f.swirl = setting(settings_.flame, "swirl");
  f.lewis = mixture_.lewis;
  f.kernels = options_.kernels;
  steps_per_frame_ = static_cast<int64_t>(std::ceil(interval_ * f.cells / kFastest - 1e-9));
  f.speed = interval_ * f.cells / static_cast<double>(steps_per_frame_);
  inflow_seed_ = core::stream_seed(stream_, other_flow ? "inflow of the real side" : "inflow");

  const int64_t stride = real_ ? options_.real_stride : options_.numerical_stride;
  height_ = options_.height * stride;
  width_ = options_.width * stride;
  pixels_ = options_.pixels * static_cast<double>(stride);
}

double FlameRun::work() const {
  const double cells =
      std::ceil(settings_.length * flame_options_.cells) * std::ceil(settings_.height * flame_options_.cells);
  const double steps = static_cast<double>(options_.frames * steps_per_frame_) +
                       std::ceil((options_.spin_up + flame_options_.period) / interval_) *
                           static_cast<double>(steps_per_frame_);
  return cells * steps * (1 + kScalarCost);
}

std::vector<StoredFile> FlameRun::files() const {
  if (real_) return {{"real", {{"trajectory"}}, {}}};
  return {{"numerical", {{"measured_data", static_cast<int64_t>(kChannels.size())}}, kChannels},
          {"surrogate", {{"measured_data"}}, {}}};
}

void FlameRun::run(int64_t steps) {
  constexpr int64_t kGroup = 64;
  for (int64_t done = 0; done < steps; done += kGroup) {
    const int64_t count = std::min(kGroup, steps - done);
    for (int64_t i = 0; i < count; ++i) flame_->step();
    if (tick_) tick_(static_cast<double>(count) * flame_->width() * flame_->height() * (1 + kScalarCost));
  }
}

void FlameRun::spin_up() {
  flame_ = std::make_unique<Flame>(flame_options_, inflow_seed_);
  binning_ = std::make_unique<Binning>(static_cast<int>(height_), static_cast<int>(width_), pixels_,
                                       flame_->height(), flame_->width(), flame_options_.cells);
  largest_rate_ = largest_rate({flame_options_.flame_speed * flame_options_.speed,
                                std::max(3.0, flame_options_.thickness * flame_options_.cells),
                                flame_options_.beta, flame_options_.alpha, flame_options_.lewis});
  run(static_cast<int64_t>(std::ceil(options_.spin_up / interval_)) * steps_per_frame_);
  // The gain is set over the last oscillation before the recording.
  const auto calibration = static_cast<int64_t>(std::ceil(flame_options_.period / interval_));
  double sum = 0;
  for (int64_t k = 0; k < calibration; ++k) {
    run(steps_per_frame_);
    see(image_);
    sum += quantile(image_, IntensifiedCamera::kBrightest);
  }
  bright_ = std::max(1e-12, sum / static_cast<double>(calibration));
  seen_ = 0;
  heat_sum_ = 0;
}

/// Brightness on the stored grid as it is now.
void FlameRun::see(std::vector<float>& image) {
  const Scalars& scalars = flame_->scalars();
  const int height = flame_->height(), width = flame_->width();
  emission_ = scalars.rate();
  double heat = 0;
  for (int y = 0; y < height; ++y) {
    const float *t = scalars.row(Scalars::kTemperature, y), *fuel = scalars.row(Scalars::kFuel, y);
    float* e = emission_.data() + static_cast<size_t>(y) * width;
    for (int x = 0; x < width; ++x) {
      e[x] /= static_cast<float>(largest_rate_);
      heat += e[x];
      e[x] *= 0.4f + 0.6f * std::clamp(t[x] + fuel[x], 0.0f, 2.0f);
    }
  }
  heat /= flame_options_.cells * flame_options_.cells;
  heat_sum_ += heat;
  heat_low_ = seen_ == 0 ? heat : std::min(heat_low_, heat);
  heat_high_ = seen_ == 0 ? heat : std::max(heat_high_, heat);
  ++seen_;
  if (real_ && options_.gap_geometry) {
    line_of_sight(emission_, height, width, scratch_);
    std::swap(emission_, scratch_);
  }
  binning_->average(emission_.data(), width, image);
}

void FlameRun::fields(std::vector<float>& values) {
  const Scalars& scalars = flame_->scalars();
  const int width = flame_->width();
  flame_->fields(u_, v_, p_);
  binning_->average(u_.data(), width, plane_[0]);
  binning_->average(v_.data(), width, plane_[1]);
  binning_->average(p_.data(), width, plane_[2]);
  for (const auto kind : {Scalars::kTemperature, Scalars::kFuel, Scalars::kPassive}) {
    const auto stride = static_cast<int>(scalars.row(kind, 1) - scalars.row(kind, 0));
    binning_->average(scalars.row(kind, 0), stride, plane_[3 + kind]);
  }
  binning_->average(scalars.rate().data(), width, plane_[6]);

  const double speed = settings_.velocity(configuration_.reynolds), second = settings_.diameter / speed;
  const double rise = mixture_.burnt_temperature - Mixture::kFreshTemperature;
  const auto to_heat = static_cast<float>(settings_.density * Mixture::kHeatCapacity * rise /
                                          (flame_->step_length() * second));
  const auto to_share = static_cast<float>(1 / largest_rate_);
  const auto x = static_cast<float>(mixture_.ammonia), phi = static_cast<float>(mixture_.equivalence_ratio);
  const auto pressure = static_cast<float>(settings_.density * speed * speed);
  const size_t n = plane_[0].size();
  values.resize(n * kChannels.size());
  for (size_t k = 0; k < n; ++k) {
    float* c = values.data() + k * kChannels.size();
    const float t = plane_[3][k], burnt = std::clamp(t, 0.0f, 1.0f), fuel = plane_[4][k],
                heat = to_share * plane_[6][k];
    const auto row = static_cast<double>(k / static_cast<size_t>(width_));
    const auto radius = static_cast<float>(std::abs(row + 0.5 - 0.5 * static_cast<double>(height_)) /
                                           pixels_ / kBurnerRadius);
    const auto temperature = static_cast<float>(Mixture::kFreshTemperature + rise * t);
    const auto velocity = static_cast<float>(speed);
    c[9] = pressure * plane_[2][k];
    c[0] = static_cast<float>(kAtmosphere) + c[9];
    c[1] = to_heat * plane_[6][k];
    c[2] = static_cast<float>(mixture_.fresh_ch4) * fuel;
    c[3] = 0.04f * (1 - x) * burnt * (1 - burnt) * 4 + (phi > 1 ? 0.01f * (phi - 1) * burnt : 0.0f);
    c[4] = std::max(0.0f, static_cast<float>(mixture_.burnt_co2) * burnt - c[3]);
    c[5] = static_cast<float>(mixture_.burnt_h2o) * burnt;
    c[6] = 2e-4f * x * heat;
    c[7] = static_cast<float>(mixture_.fresh_nh3) * fuel;
    c[8] = 4e-3f * burnt *
               static_cast<float>(exp_of(2000.0 / 2200 - 2000 / std::max(200.0, double{temperature}))) +
           1e-3f * heat;
    c[10] = temperature;
    c[11] = velocity * plane_[0][k];
    c[12] = velocity * plane_[1][k];
    c[13] = velocity * plane_[5][k] * radius * (1 - 0.5f * burnt);
    c[14] = std::sqrt(c[11] * c[11] + c[12] * c[12] + c[13] * c[13]);
  }
}

void FlameRun::next(Frame& frame) {
  run(steps_per_frame_);
  see(image_);
  const int height = static_cast<int>(height_), width = static_cast<int>(width_);
  if (real_ && options_.instrument != "ideal") {
    camera_.expose(image_, height, width, bright_, instrument_);
  } else {
    smooth(image_, scratch_, height, width, 1);
    for (auto& value : image_) value *= static_cast<float>(IntensifiedCamera::kPhotons / (255 * bright_));
  }
  frame.resize(real_ ? 1 : 2);
  frame.back() = image_;
  if (!real_) fields(frame[0]);
}

std::vector<Coordinate> FlameRun::coordinates() const {
  Coordinate time{"time", {options_.frames}, {}}, x{"x", {width_}, {}}, y{"y", {height_}, {}};
  const double pixel = settings_.diameter / pixels_;
  const double step = interval_ * settings_.diameter / settings_.velocity(configuration_.reynolds);
  for (int64_t k = 0; k < options_.frames; ++k) time.values.push_back(static_cast<double>(k) * step);
  for (int64_t c = 0; c < width_; ++c) x.values.push_back((static_cast<double>(c) + 0.5) * pixel);
  for (int64_t r = 0; r < height_; ++r)
    y.values.push_back((static_cast<double>(r) + 0.5 - 0.5 * static_cast<double>(height_)) * pixel);
  return {time, x, y};
}

core::Json FlameRun::attributes() const {
  const FlameOptions& f = flame_options_;
  core::Json a = {
      {"origin", "virtual-lab"},
      {"synthetic", 1},
      {"solver",
       "D2Q9 lattice Boltzmann, central moments, Smagorinsky; three scalars, van Leer fluxes; "
       "thermo-diffusive "
       "flame: density change neglected"},
      {"chemistry", "one step; species from simple formulas, not a reaction mechanism"},
      {"grid", std::to_string(std::lround(std::ceil(f.length * f.cells - 1e-9))) + " x " +
                   std::to_string(std::lround(std::ceil(f.height * f.cells - 1e-9))) + " cells, " +
                   std::to_string(f.cells) + " per slot width"},
      {"closure_constant", f.smagorinsky},
      {"ammonia_share", parameter(settings_, configuration_, "ammonia_share")},  // percent
      {"equivalence_ratio", mixture_.equivalence_ratio},
      {"flame_speed", f.flame_speed},
      {"lewis", f.lewis},
      {"burnt_temperature", mixture_.burnt_temperature},
      {"Re", f.reynolds},
      {"flow_factor", f.flow},
      {"modulation", f.modulation},
      {"inflow_intensity", f.intensity},
      {"seed", options_.seed},
      {"stream", std::to_string(stream_)},
      {"scenario", settings_.name},
      {"side", real_ ? "real" : "numerical"},
      {"frame_interval", interval_},
      {"steps_per_frame", steps_per_frame_},
      {"instrument", real_ ? options_.instrument : "none"},
      {"line_of_sight", int{real_ && options_.gap_geometry}},
      {"gain", bright_},
  };
  if (seen_ > 0) {
    a["heat_release_mean"] = heat_sum_ / static_cast<double>(seen_);
    a["heat_release_low"] = heat_low_;
    a["heat_release_high"] = heat_high_;
  }
  return a;
}

}  // namespace windtunnel::datasets::lab
