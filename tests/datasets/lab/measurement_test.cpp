#include "datasets/lab/measurement.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "datasets/lab/turbulence.h"

namespace windtunnel::datasets::lab {
namespace {

/// A picture of a given flow around a circle of radius 1/2 at the origin, frame 32 x 64 with nine vectors per
/// D.
Picture picture_of(int refine, int margin, float (*u)(double x, double y), float (*v)(double x, double y)) {
  Picture p;
  p.refine = refine;
  p.margin = margin;
  p.height = (32 + 2 * margin) * refine;
  p.width = (64 + 2 * margin) * refine;
  p.spacing = 1.0 / (9 * refine);
  for (int r = 0; r < p.height; ++r)
    for (int c = 0; c < p.width; ++c) {
      const double x = (p.coordinate(c) - 16) / 9, y = (p.coordinate(r) - 16) / 9;
      p.u.push_back(u(x, y));
      p.v.push_back(v(x, y));
      p.p.push_back(0);
      p.distance.push_back(static_cast<float>(std::hypot(x, y) - 0.5));
    }
  return p;
}

float one(double, double) { return 1; }
float zero(double, double) { return 0; }
float shear(double, double y) { return static_cast<float>(y); }

TEST(LabMeasurement, IdealReportsThePictureItself) {
  const auto ideal = make_measurement("ideal");
  const Picture p = picture_of(ideal->refine(), ideal->margin(), shear, one);
  NormalStream random(1);
  std::vector<float> u, v;
  ideal->measure(p, {}, random, u, v);
  ASSERT_EQ(u.size(), 32u * 64u);
  for (int r = 0; r < 32; ++r)
    EXPECT_FLOAT_EQ(u[static_cast<size_t>(r) * 64 + 5], static_cast<float>((r - 16) / 9.0));
}

TEST(LabMeasurement, ModelAveragesAddsNoiseAndBlanksTheBody) {
  const auto model = make_measurement("noise");
  const Picture p = picture_of(model->refine(), model->margin(), one, zero);
  NormalStream random(1);
  double squares = 0, sum = 0;
  int count = 0;
  std::vector<float> u, v;
  for (int repeat = 0; repeat < 20; ++repeat) {
    model->measure(p, {}, random, u, v);
    ASSERT_EQ(u.size(), 32u * 64u);
    for (int r = 0; r < 32; ++r)
      for (int c = 0; c < 64; ++c) {
        const size_t k = static_cast<size_t>(r) * 64 + c;
        const double d = std::hypot((c - 16) / 9.0, (r - 16) / 9.0) - 0.5;
        if (d < -0.15) {
          EXPECT_EQ(u[k], 0);
          EXPECT_EQ(v[k], 0);
        }
        if (d > 0.5) {
          sum += v[k];
          squares += v[k] * v[k];
          ++count;
          EXPECT_NEAR(u[k], 1, 0.1);
        }
      }
  }
  EXPECT_NEAR(sum / count, 0, 5e-4);
  EXPECT_NEAR(std::sqrt(squares / count), 0.012, 0.001);  // no strain: 1.2 % of U
}

TEST(LabMeasurement, ModelNoiseGrowsWithTheStrain) {
  const auto model = make_measurement("noise");
  const Picture p = picture_of(model->refine(), model->margin(), shear, zero);
  NormalStream random(2);
  std::vector<float> u, v;
  model->measure(p, {}, random, u, v);
  double squares = 0;
  int count = 0;
  for (int r = 0; r < 32; ++r)
    for (int c = 30; c < 64; ++c, ++count) squares += std::pow(v[static_cast<size_t>(r) * 64 + c], 2);
  EXPECT_NEAR(std::sqrt(squares / count), 0.012 + 0.02, 0.003);  // |S| = 1 U/D
}

TEST(LabMeasurement, UnknownNameIsAnErrorWithTheKnownOnes) {
  try {
    make_measurement("niose");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.hint().find("noise"), std::string::npos);
  }
}

TEST(LabTurbulence, AddsASolenoidalFieldOfTheStatedIntensity) {
  Picture p = picture_of(2, 1, shear, zero);
  for (auto& d : p.distance) d = 5;  // no body
  for (auto& u : p.u) u *= 2;        // |S| = 2 U/D: a = 0.1 U
  Turbulence turbulence(11);
  double squares = 0;
  int count = 0;
  for (int frame = 0; frame < 40; ++frame) {
    turbulence.advance(p, 0.5);
    Picture with = p;
    turbulence.add_to(with);
    for (int r = 12; r < p.height - 12; ++r)
      for (int c = 12; c < p.width - 12; ++c) {
        const size_t k = static_cast<size_t>(r) * p.width + c;
        squares += std::pow(with.u[k] - p.u[k], 2) + std::pow(with.v[k] - p.v[k], 2);
        ++count;
        const double divergence = (with.u[k + 1] - with.u[k - 1]) - (p.u[k + 1] - p.u[k - 1]) +
                                  (with.v[k + p.width] - with.v[k - p.width]);
        ASSERT_NEAR(divergence, 0, 1e-5);
      }
  }
  EXPECT_NEAR(std::sqrt(squares / count / 2), 0.1, 0.03);
  EXPECT_NEAR(turbulence.intensity()[static_cast<size_t>(p.height / 2) * p.width + p.width / 2], 0.1, 0.01);
}

TEST(LabTurbulence, AUniformStreamStaysCalm) {
  Picture p = picture_of(2, 1, one, zero);
  Turbulence turbulence(3);
  turbulence.advance(p, 0.1);
  Picture with = p;
  turbulence.add_to(with);
  for (size_t k = 0; k < p.u.size(); ++k)
    if (p.distance[k] > 0.6) {
      EXPECT_NEAR(with.u[k], 1, 1e-3);
    }
}

}  // namespace
}  // namespace windtunnel::datasets::lab
