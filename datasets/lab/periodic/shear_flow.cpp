#include "datasets/lab/periodic/shear_flow.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "datasets/lab/periodic/sampling.h"
#include "datasets/lab/portable_math.h"

namespace windtunnel::datasets::lab {
namespace {

constexpr Complex kI{0, 1};

std::vector<double> decay_rates(double reynolds, double schmidt, const Fourier& f) {
  std::vector<double> rates;
  for (size_t i = 0; i < f.modes(); ++i) rates.push_back(-f.square(i) / reynolds);
  for (size_t i = 0; i < f.modes(); ++i) rates.push_back(-f.square(i) / (reynolds * schmidt));
  return rates;
}

/// Speeds stay near 1, so half a solver cell per step keeps the explicit part stable.
double longest_step(const ShearFlowOptions& o) {
  const double r = static_cast<double>(o.refinement);
  return std::min({o.step, 0.5 * o.length_x / (static_cast<double>(o.height) * r),
                   0.5 * o.length_y / (static_cast<double>(o.width) * r)});
}

std::vector<std::vector<double>> combinations(const PeriodicOptions& options) {
  const auto& o = static_cast<const ShearFlowOptions&>(options);
  std::vector<std::vector<double>> list;
  for (const double reynolds : o.reynolds)
    for (const double schmidt : o.schmidt) {
      if (reynolds <= 0 || schmidt <= 0)
        throw core::usage_error(
            "Reynolds number " + core::number(reynolds) + ", Schmidt number " + core::number(schmidt),
            "positive numbers");
      list.push_back({reynolds, schmidt});
    }
  if (list.empty()) throw core::usage_error("no Reynolds or no Schmidt number", "at least one of each");
  return list;
}

const SystemRegistration registration(
    {"shear_flow",
     {{"tracer", "1", "s", 0}, {"pressure", "1", "p", 0}, {"velocity", "1", "u", 1}},
     {"Reynolds", "Schmidt"},
     [] { return std::make_unique<ShearFlowOptions>(); },
     combinations,
     [](const PeriodicOptions& options, const std::vector<double>& parameters) {
       return std::make_unique<ShearFlow>(static_cast<const ShearFlowOptions&>(options), parameters);
     }});

}  // namespace

ShearFlowOptions::ShearFlowOptions() {
  frame_interval = 0.1;
  length_y = 2;
}

void ShearFlowOptions::describe(core::OptionVisitor& v) {
  PeriodicOptions::describe(v);
  v("reynolds", reynolds, "Reynolds numbers");
  v("schmidt", schmidt, "Schmidt numbers");
  v("thickness", thickness, "of a shear layer; each initial state takes half to twice of it", {1e-6, 10});
}

ShearFlow::ShearFlow(const ShearFlowOptions& options, const std::vector<double>& parameters)
    : options_(options),
      steps_(steps_between(options.frame_interval, longest_step(options))),
      fourier_(options.height * options.refinement, options.width * options.refinement, options.length_x,
               options.length_y),
      stepper_(decay_rates(parameters.at(0), parameters.at(1), fourier_),
               options.frame_interval / static_cast<double>(steps_)),
      state_(2 * fourier_.modes()) {
  for (auto* buffer : {&modes_, &flux_x_, &flux_y_}) buffer->resize(fourier_.modes());
  for (auto* buffer : {&u_, &v_, &carried_, &product_}) buffer->resize(fourier_.points());
}

void ShearFlow::start_from(const std::vector<double>& u, const std::vector<double>& v,
                           const std::vector<double>& tracer) {
  const size_t modes = fourier_.modes();
  fourier_.forward(u.data(), flux_x_.data());
  fourier_.forward(v.data(), flux_y_.data());
  fourier_.forward(tracer.data(), state_.data() + modes);
  mean_ = {flux_x_[0].real(), flux_y_[0].real()};
  for (size_t i = 0; i < modes; ++i) {
    const bool kept = fourier_.kept(i);
    state_[i] =
        kept ? kI * (fourier_.derivative_x(i) * flux_y_[i] - fourier_.derivative_y(i) * flux_x_[i]) : 0;
    if (!kept) state_[modes + i] = 0;
  }
}

void ShearFlow::start(uint64_t seed, int64_t) {
  NormalStream random(seed);
  const int64_t layers = 2 * (1 + static_cast<int64_t>(random.below(2)));
  const auto waves = static_cast<double>(1 + random.below(3));
  const double width = options_.thickness * (0.5 + 1.5 * random.uniform());
  const double per_turn = options_.length_y / (static_cast<double>(layers) / 2);  // two layers
  std::vector<double> phases;
  for (int64_t n = 0; n < layers; ++n) phases.push_back(random.uniform());
  std::vector<double> u(fourier_.points()), v(fourier_.points()), tracer(fourier_.points());
  for (int64_t i = 0; i < fourier_.height(); ++i)
    for (int64_t j = 0; j < fourier_.width(); ++j) {
      const auto p = static_cast<size_t>(i * fourier_.width() + j);
      const double x = static_cast<double>(i) / static_cast<double>(fourier_.height());
      const double y = static_cast<double>(j) / static_cast<double>(fourier_.width()) * options_.length_y;
      // tanh(distance / width) at every layer, continued periodically.
      const double e = exp_of(2 * sin_turns(y / per_turn) * per_turn / (2 * kPi * width));
      u[p] = 0.5 * (e - 1) / (e + 1);
      tracer[p] = u[p] + 0.5;
      for (int64_t n = 0; n < layers; ++n) {
        const double d =
            periodic_distance(y, static_cast<double>(n) * per_turn / 2, options_.length_y) / width;
        v[p] += 0.1 * sin_turns(waves * x + phases[static_cast<size_t>(n)]) * exp_of(-d * d);
      }
    }
  start_from(u, v, tracer);
}

void ShearFlow::velocity(const std::vector<Complex>& state, int axis, std::vector<Complex>& out) const {
  out[0] = mean_[static_cast<size_t>(axis)];
  for (size_t i = 1; i < fourier_.modes(); ++i) {
    const double k = axis == 0 ? fourier_.derivative_y(i) : -fourier_.derivative_x(i);
    out[i] = kI * k * state[i] / fourier_.square(i);
  }
}

void ShearFlow::transport(const std::vector<Complex>& state, std::vector<Complex>& out) {
  const size_t modes = fourier_.modes();
  velocity(state, 0, modes_);
  fourier_.inverse(modes_.data(), u_.data());
  velocity(state, 1, modes_);
  fourier_.inverse(modes_.data(), v_.data());
  for (const size_t first : {size_t{0}, modes}) {
    fourier_.inverse(state.data() + first, carried_.data());
    for (size_t p = 0; p < carried_.size(); ++p) product_[p] = u_[p] * carried_[p];
    fourier_.forward(product_.data(), flux_x_.data());
    for (size_t p = 0; p < carried_.size(); ++p) product_[p] = v_[p] * carried_[p];
    fourier_.forward(product_.data(), flux_y_.data());
    for (size_t i = 0; i < modes; ++i)
      out[first + i] =
          fourier_.kept(i)
              ? -kI * (fourier_.derivative_x(i) * flux_x_[i] + fourier_.derivative_y(i) * flux_y_[i])
              : 0;
  }
}

void ShearFlow::advance() {
  for (int64_t s = 0; s < steps_; ++s)
    stepper_.advance(state_, [this](const auto& state, auto& out) { transport(state, out); });
}

std::vector<double> ShearFlow::values(const std::vector<Complex>& coefficients) const {
  std::vector<double> field(fourier_.points());
  fourier_.inverse(coefficients.data(), field.data());
  return field;
}

std::vector<double> ShearFlow::pressure() const {
  std::vector<std::vector<double>> gradients;  // du/dx, du/dy, dv/dx, dv/dy
  std::vector<Complex> speed(fourier_.modes()), slope(fourier_.modes());
  for (const int axis : {0, 1}) {
    velocity(state_, axis, speed);
    for (const bool along_x : {true, false}) {
      for (size_t i = 0; i < speed.size(); ++i)
        slope[i] = kI * (along_x ? fourier_.derivative_x(i) : fourier_.derivative_y(i)) * speed[i];
      gradients.push_back(values(slope));
    }
  }
  std::vector<double> source(fourier_.points());
  for (size_t p = 0; p < source.size(); ++p)
    source[p] = 2 * (gradients[0][p] * gradients[3][p] - gradients[1][p] * gradients[2][p]);
  fourier_.forward(source.data(), slope.data());
  slope[0] = 0;
  for (size_t i = 1; i < slope.size(); ++i) slope[i] = fourier_.kept(i) ? -slope[i] / fourier_.square(i) : 0;
  return values(slope);
}

ShearFlow::State ShearFlow::state() const {
  std::vector<Complex> modes(fourier_.modes());
  State result;
  result.tracer = values({state_.begin() + static_cast<int64_t>(fourier_.modes()), state_.end()});
  result.pressure = pressure();
  velocity(state_, 0, modes);
  result.u = values(modes);
  velocity(state_, 1, modes);
  result.v = values(modes);
  return result;
}

std::vector<std::vector<float>> ShearFlow::fields() const {
  const State s = state();
  return {delivered({&s.tracer}, options_), delivered({&s.pressure}, options_),
          delivered({&s.u, &s.v}, options_)};
}

}  // namespace windtunnel::datasets::lab
