#include "datasets/lab/periodic/shear_flow.h"

#include <gtest/gtest.h>

#include <cmath>

namespace windtunnel::datasets::lab {
namespace {

constexpr double kReynolds = 100, kSchmidt = 2;

ShearFlowOptions small() {
  ShearFlowOptions o;
  o.height = 24;
  o.width = 32;
  o.frame_interval = 0.25;
  return o;
}

using Field = std::vector<double>;

template <class Function>
Field sampled(const ShearFlowOptions& o, Function f) {
  Field values;
  for (int64_t i = 0; i < o.height; ++i)
    for (int64_t j = 0; j < o.width; ++j)
      values.push_back(f(static_cast<double>(i) / static_cast<double>(o.height) * o.length_x,
                         static_cast<double>(j) / static_cast<double>(o.width) * o.length_y));
  return values;
}

double distance(const Field& x, const Field& y) {
  double largest = 0;
  for (size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(x[i] - y[i]));
  return largest;
}

double mean_of(const Field& x, double power) {
  double sum = 0;
  for (const double value : x) sum += std::pow(value, power);
  return sum / static_cast<double>(x.size());
}

/// Taylor and Green's vortices decay without changing shape, also while a uniform stream carries them.
TEST(ShearFlow, TaylorGreenVorticesInAStream) {
  const auto o = small();
  const double a = 2 * M_PI, b = M_PI, stream = 0.4, t = 2 * o.frame_interval;
  const auto u = [&](double x, double y) { return -b * std::cos(a * x) * std::sin(b * y) / 8; };
  const auto v = [&](double x, double y) { return a * std::sin(a * x) * std::cos(b * y) / 8; };
  ShearFlow flow(o, {kReynolds, kSchmidt});
  flow.start_from(sampled(o, [&](double x, double y) { return stream + u(x, y); }), sampled(o, v),
                  sampled(o, [](double, double) { return 0.7; }));
  flow.advance();
  flow.advance();
  const double decay = std::exp(-(a * a + b * b) / kReynolds * t);
  const auto s = flow.state();
  EXPECT_LT(
      distance(s.u, sampled(o, [&](double x, double y) { return stream + decay * u(x - stream * t, y); })),
      1e-7);
  EXPECT_LT(distance(s.v, sampled(o, [&](double x, double y) { return decay * v(x - stream * t, y); })),
            1e-7);
  EXPECT_LT(distance(s.tracer, Field(s.tracer.size(), 0.7)), 1e-12);
  // p = (b^2 cos(2 a x) + a^2 cos(2 b y)) / 4 times the squared amplitude: the balance of u grad u.
  const double square = decay * decay / 64;
  const Field p = sampled(o, [&](double x, double y) {
    return -square / 4 * (b * b * std::cos(2 * a * (x - stream * t)) + a * a * std::cos(2 * b * y));
  });
  EXPECT_LT(distance(s.pressure, p), 1e-6);
}

/// A tracer wave in a uniform stream: carried and diffused exactly.
TEST(ShearFlow, TracerIsCarriedAndDiffuses) {
  const auto o = small();
  ShearFlow flow(o, {kReynolds, kSchmidt});
  const auto wave = [](double x, double y) { return std::cos(2 * M_PI * x + M_PI * y); };
  flow.start_from(Field(24 * 32, 0.3), Field(24 * 32, -0.2), sampled(o, wave));
  flow.advance();
  const double t = o.frame_interval, decay = std::exp(-5 * M_PI * M_PI / (kReynolds * kSchmidt) * t);
  EXPECT_LT(distance(flow.state().tracer,
                     sampled(o, [&](double x, double y) { return decay * wave(x - 0.3 * t, y + 0.2 * t); })),
            1e-8);
}

/// Momentum and tracer are conserved, kinetic energy falls at the rate of dissipation, d<u^2/2>/dt =
/// -<w^2>/Re.
TEST(ShearFlow, ConservationAndDissipation) {
  ShearFlowOptions o = small();
  o.height = 48;
  o.width = 96;
  o.thickness = 0.2;
  o.frame_interval = 0.05;
  ShearFlow flow(o, {1000, 1});
  flow.start(5, 0);
  const auto energy = [](const ShearFlow::State& s) { return (mean_of(s.u, 2) + mean_of(s.v, 2)) / 2; };
  for (int k = 0; k < 10; ++k) flow.advance();
  const auto before = flow.state();
  flow.advance();
  const auto middle = flow.state();
  flow.advance();
  const auto after = flow.state();
  for (const auto& [x, y] : {std::pair{&before.u, &after.u}, std::pair{&before.v, &after.v},
                             std::pair{&before.tracer, &after.tracer}})
    EXPECT_NEAR(mean_of(*x, 1), mean_of(*y, 1), 1e-13);
  EXPECT_LT(mean_of(after.tracer, 2), mean_of(before.tracer, 2));

  Fourier f(o.height, o.width, o.length_x, o.length_y);
  std::vector<Complex> u(f.modes()), v(f.modes());
  f.forward(middle.u.data(), u.data());
  f.forward(middle.v.data(), v.data());
  for (size_t i = 0; i < u.size(); ++i)
    u[i] = Complex(0, 1) * (f.derivative_x(i) * v[i] - f.derivative_y(i) * u[i]);
  Field vorticity(f.points());
  f.inverse(u.data(), vorticity.data());
  const double rate = (energy(after) - energy(before)) / (2 * o.frame_interval);
  EXPECT_NEAR(rate, -mean_of(vorticity, 2) / 1000, 1e-3 * std::abs(rate));
}

}  // namespace
}  // namespace windtunnel::datasets::lab
