#include "datasets/lab/side.h"

#include <cmath>

#include "core/sha256.h"
#include "core/text.h"
#include "datasets/lab/bodies.h"

namespace windtunnel::datasets::lab {
namespace {

constexpr double kFastest = 0.08;  ///< largest free stream in lattice units
constexpr double kSettle = 5;      ///< D/U on the final grid before the first frame
constexpr int kStepsPerTick = 64;

/// The picture's field at the vectors themselves: mean of the points nearest to each.
std::vector<float> at_vectors(const Picture& picture, const std::vector<float>& field) {
  const int refine = picture.refine, skip = picture.margin * refine;
  const int near = refine % 2 == 0 ? 2 : 1, first = skip + (refine - near) / 2;
  std::vector<float> values;
  for (int r = first; r < picture.height - skip; r += refine)
    for (int c = first; c < picture.width - skip; c += refine) {
      float sum = 0;
      for (int i = 0; i < near; ++i)
        for (int j = 0; j < near; ++j) sum += field[static_cast<size_t>(r + i) * picture.width + c + j];
      values.push_back(sum / static_cast<float>(near * near));
    }
  return values;
}

std::map<std::string, double> named(const LabSettings& settings, const Configuration& configuration) {
  std::map<std::string, double> values;
  for (size_t i = 0; i < configuration.values.size(); ++i)
    values[settings.parameters[i].name] = configuration.values[i];
  return values;
}

}  // namespace

SideRun::SideRun(const RecordingRequest& request)
    : options_(request.options),
      settings_(request.settings),
      configuration_(request.configuration),
      real_(request.real),
      tick_(request.tick),
      stream_(core::stream_seed(static_cast<uint64_t>(options_.seed),
                                settings_.name + "/" + configuration_.sim_id)),
      reynolds_(configuration_.reynolds),
      interval_(lab::frame_interval(options_, settings_, reynolds_)),
      cells_(static_cast<int>(real_ && options_.gap_resolution ? options_.measured_cells
                                                               : options_.simulated_cells)),
      instrument_(core::stream_seed(stream_, "instrument")) {
  const LabOptions& options = options_;
  const LabSettings& settings = settings_;
  const bool real = real_;
  NormalStream errors(core::stream_seed(stream_, "errors"));
  const double reynolds_error = settings.gap.reynolds * errors.normal();
  const Vec2 offset = {settings.gap.offset * errors.normal(), settings.gap.offset * errors.normal()};
  const double tilt = settings.gap.tilt * errors.normal();
  const double time_origin = kSettle * errors.uniform();
  std::map<std::string, double> factors = {{"amplitude", settings.gap.amplitude},
                                           {"frequency", settings.gap.frequency},
                                           {"mass", settings.gap.mass},
                                           {"damping", settings.gap.damping}};
  for (auto& [kind, value] : factors) value = 1 + value * errors.normal();
  const bool inflow_errors = real && options.gap_inflow, geometry_errors = real && options.gap_geometry;
  if (inflow_errors) {
    // The pump runs a little fast or slow: velocity and Reynolds number change together, the camera's clock
    // does not.
    reynolds_ *= 1 + reynolds_error;
    interval_ *= 1 + reynolds_error;
    extra_spin_up_ = time_origin;
  }
  if (geometry_errors) offset_ = offset;
  bodies_ = make_bodies(settings.body,
                        {named(settings, configuration_), settings.body_settings, offset_,
                         [&](const std::string& kind) { return geometry_errors ? factors.at(kind) : 1; }});

  if (real) measurement_ = make_measurement(options.instrument);
  const double stride = static_cast<double>(real ? options.real_stride : options.numerical_stride);
  camera_options_.height =
      static_cast<int>(options.height * (real ? options.real_stride : options.numerical_stride));
  camera_options_.width =
      static_cast<int>(options.width * (real ? options.real_stride : options.numerical_stride));
  camera_options_.pixels = options.pixels * stride;
  const double scale = camera_options_.pixels / settings.pixels;
  camera_options_.centre = {settings.centre.x * scale, settings.centre.y * scale};
  if (geometry_errors) camera_options_.tilt_degrees = tilt;
  if (measurement_) {
    camera_options_.refine = measurement_->refine();
    camera_options_.margin = measurement_->margin();
  }
  camera_ = std::make_unique<Camera>(camera_options_);

  steps_per_frame_ = static_cast<int64_t>(std::ceil(interval_ * cells_ / kFastest - 1e-9));
  warm_frames_ = static_cast<int64_t>(std::ceil(kSettle / interval_));
  coarse_start_ = real && options.gap_resolution && cells_ >= 16;
  if (real && options.turbulence != "off") turbulence_.emplace(core::stream_seed(stream_, "turbulence"));
}

FlowOptions SideRun::flow_options(int cells) const {
  FlowOptions flow;
  flow.length = settings_.length;
  flow.height = settings_.height;
  flow.upstream = settings_.upstream;
  flow.reynolds = reynolds_;
  flow.cells = cells;
  flow.speed = kFastest;
  if (cells == cells_) flow.speed = interval_ * cells_ / static_cast<double>(steps_per_frame_);
  flow.smagorinsky = real_ && options_.gap_closure ? options_.mixing_length * cells : options_.smagorinsky;
  flow.kernels = options_.kernels;
  return flow;
}

std::shared_ptr<Inflow> SideRun::inflow(const Flow& flow, const char* stream) const {
  InflowOptions inflow;
  inflow.nonuniformity = settings_.gap.nonuniformity;
  inflow.intensity = settings_.gap.intensity;
  const int cells = static_cast<int>(std::lround(flow.height() / settings_.height));
  return std::make_shared<Inflow>(flow.height(), cells, cells, flow.step_length(), inflow,
                                  core::stream_seed(stream_, "profile"), core::stream_seed(stream_, stream));
}

double SideRun::work() const {
  const auto cells = [&](int c) {
    return std::round(settings_.length * c) * std::round(settings_.height * c);
  };
  const double frames =
      static_cast<double>(options_.frames + warm_frames_) * static_cast<double>(steps_per_frame_);
  const int start = coarse_start_ ? cells_ / 2 : cells_;
  const double speed = coarse_start_ ? kFastest : flow_options(cells_).speed;
  return cells(cells_) * frames + cells(start) * (options_.spin_up + extra_spin_up_) * start / speed;
}

void SideRun::run(Flow& flow, int64_t steps, std::vector<Vec2>* forces) {
  int64_t since = 0;
  const auto report = [&] {
    if (tick_) tick_(static_cast<double>(since) * flow.width() * flow.height());
    since = 0;
  };
  for (int64_t i = 0; i < steps; ++i) {
    flow.step();
    if (forces) forces->push_back(flow.force(flow.bodies().size() - 1));
    if (++since == kStepsPerTick) report();
  }
  report();
}

void SideRun::spin_up() {
  const double length = options_.spin_up + extra_spin_up_;
  flow_ = std::make_unique<Flow>(flow_options(cells_), bodies_);
  if (coarse_start_) {
    Flow coarse(flow_options(cells_ / 2), bodies_);
    if (options_.gap_inflow) coarse.set_inflow(inflow(coarse, "inflow of the start"));
    coarse.start();
    run(coarse, static_cast<int64_t>(length / coarse.step_length()), nullptr);
    FlowFields fields;
    coarse.fields(fields);
    flow_->start_from(fields, coarse.time());
  } else {
    flow_->start();
  }
  if (real_ && options_.gap_inflow) flow_->set_inflow(inflow(*flow_, "inflow"));
  if (!coarse_start_) run(*flow_, static_cast<int64_t>(length / flow_->step_length()), nullptr);
  for (int64_t k = 0; k < warm_frames_; ++k) {
    run(*flow_, steps_per_frame_, nullptr);
    if (turbulence_) picture();
  }
}

void SideRun::picture() {
  camera_->sample(*flow_, picture_);
  if (turbulence_) turbulence_->advance(picture_, interval_);
}

std::vector<StoredFile> SideRun::files() const {
  if (!real_) return {{"numerical", {{"measured_data/u"}, {"measured_data/v"}, {"measured_data/p"}}, {}}};
  std::vector<StoredFile> files = {{"real", {{"measured_data/u"}, {"measured_data/v"}}, {}}};
  if (options_.truth) files.push_back({"truth", files[0].arrays, {}, true});
  return files;
}

void SideRun::next(Frame& frame) {
  run(*flow_, steps_per_frame_, &forces_);
  picture();
  const double speed = settings_.velocity(reynolds_);
  if (!real_) {
    frame = {picture_.u, picture_.v, picture_.p};
    // Zero is the pressure of the oncoming stream.
    double upstream = 0;
    for (int r = 0; r < picture_.height; ++r) upstream += frame[2][static_cast<size_t>(r) * picture_.width];
    for (auto& p : frame[2]) p -= static_cast<float>(upstream / picture_.height);
    for (auto& p : frame[2]) p *= static_cast<float>(settings_.density * speed);
  } else {
    if (turbulence_) turbulence_->add_to(picture_);
    frame.resize(2);
    measurement_->measure(picture_, turbulence_ ? turbulence_->intensity() : none_, instrument_, frame[0],
                          frame[1]);
    if (options_.truth) {
      frame.push_back(at_vectors(picture_, picture_.u));
      frame.push_back(at_vectors(picture_, picture_.v));
    }
  }
  for (auto& values : frame)
    for (auto& v : values) v *= static_cast<float>(speed);
}

std::vector<Coordinate> SideRun::coordinates() const {
  // What the experimenter believes: the camera level and the body in its place.
  Coordinate x{"x", {height(), width()}, {}}, y{"y", {height(), width()}, {}}, t{"t", {options_.frames}, {}};
  const double step = settings_.diameter / camera_options_.pixels;
  for (int r = 0; r < camera_options_.height; ++r)
    for (int c = 0; c < camera_options_.width; ++c) {
      x.values.push_back((c - camera_options_.centre.x) * step);
      y.values.push_back((r - camera_options_.centre.y) * step);
    }
  const double frame = lab::frame_interval(options_, settings_, configuration_.reynolds) *
                       settings_.diameter / settings_.velocity(configuration_.reynolds);
  for (int64_t k = 0; k < options_.frames; ++k) t.values.push_back(static_cast<double>(k) * frame);
  return {x, y, t};
}

core::Json SideRun::attributes() const {
  const FlowOptions flow = flow_options(cells_);
  core::Json a = {
      {"origin", "virtual-lab"},
      {"synthetic", 1},
      {"solver", "D2Q9 lattice Boltzmann, central moments, Smagorinsky, volume penalisation"},
      {"grid", std::to_string(std::lround(settings_.length * cells_)) + " x " +
                   std::to_string(std::lround(settings_.height * cells_)) + " cells, " +
                   std::to_string(cells_) + " per D"},
      {"closure",
       (real_ && options_.gap_closure ? "mixing length " + core::number(options_.mixing_length) + " D"
                                      : "C_s " + core::number(options_.smagorinsky))},
      {"Re", configuration_.reynolds},
      {"Re_solved", reynolds_},
      {"seed", options_.seed},
      {"stream", std::to_string(stream_)},
      {"scenario", settings_.name},
      {"side", real_ ? "real" : "numerical"},
      {"frame_interval", interval_},
      {"steps_per_frame", steps_per_frame_},
      {"turbulence", turbulence_ ? "kinematic model, not a solution of the equations of motion" : "off"},
      {"instrument", real_ ? options_.instrument : "none"},
      {"body_offset", {offset_.x, offset_.y}},
      {"tilt_degrees", camera_options_.tilt_degrees},
  };
  if (!forces_.empty()) {
    const WakeStatistics s = wake_statistics(forces_, flow_->step_length());
    a["drag_coefficient"] = s.drag;
    a["lift_rms"] = s.lift_rms;
    a["strouhal"] = s.strouhal;
  }
  return a;
}

}  // namespace windtunnel::datasets::lab
