#include "datasets/gap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

constexpr int kFrames = 96, kHeight = 8, kWidth = 16;
constexpr double kFrequency[2] = {0.125, 0.1};  // measured, simulated; cycles per frame

/// u = 2 + amplitude sin(2 pi (f t - x/8)); the simulated side is stored with twice the points.
void write_side(const std::filesystem::path& root, bool real, double mean, double amplitude) {
  const int stride = real ? 1 : 2;
  std::vector<double> u, zero;
  for (int t = 0; t < kFrames; ++t)
    for (int r = 0; r < kHeight * stride; ++r)
      for (int c = 0; c < kWidth * stride; ++c)
        u.push_back(mean + amplitude * std::sin(2 * M_PI * (kFrequency[!real] * t - c / (8.0 * stride))));
  zero.assign(u.size(), 0.0);
  const std::vector<hsize_t> shape = {kFrames, static_cast<hsize_t>(kHeight * stride),
                                      static_cast<hsize_t>(kWidth * stride)};
  const auto file = root / "cylinder" / (real ? "real" : "numerical") / "1800.h5";
  testing::write_hdf5(file, "measured_data/u", shape, u);
  testing::write_hdf5(file, "measured_data/v", shape, zero);
  if (!real) testing::write_hdf5(file, "measured_data/p", shape, zero);
}

TEST(Gap, NumbersOfKnownFields) {
  const testing::TemporaryFolder root;
  write_side(root.path(), true, 2, 1);
  write_side(root.path(), false, 2.5, 0.5);
  const auto gaps = measure_gap(load_scenario("cylinder"), root.path());
  ASSERT_EQ(gaps.size(), 1u);
  ASSERT_EQ(gaps[0].fields.size(), 2u);
  const FieldGap& u = gaps[0].fields[0];
  EXPECT_EQ(u.field, "u");
  EXPECT_NEAR(u.mean_gap, 0.25, 0.01);
  EXPECT_NEAR(u.deviation_gap, 0.5, 0.02);
  EXPECT_NEAR(u.frequency_real, 0.125, 0.001);
  EXPECT_NEAR(u.frequency_numerical, 0.1, 0.001);
  EXPECT_GT(u.distribution_gap, 0.5);
  EXPECT_NEAR(gaps[0].profile_error, 0.25, 0.02);  // mean of 0.5 (u) and 0 (v)
  const auto& real = gaps[0].real.fields[0];
  EXPECT_NEAR(real.mean[3], 2, 0.01);
  EXPECT_NEAR(real.deviation[3], std::sqrt(0.5), 0.01);
  EXPECT_EQ(real.last_frame.size(), static_cast<size_t>(kHeight * kWidth));
  // Two waves along a row of 16 points: bin 2 is the highest.
  const auto& power = real.row_spectrum;
  EXPECT_EQ(std::max_element(power.begin(), power.end()) - power.begin(), 1);
  double total = 0;
  for (const double p : real.time_spectrum) total += p;
  EXPECT_NEAR(total, 0.5, 0.02);  // the variance
  EXPECT_EQ(gaps[0].fields[1].mean_gap, 0);
  EXPECT_EQ(gaps[0].fields[1].frequency_real, 0);
}

TEST(Gap, OptionsAndErrors) {
  const testing::TemporaryFolder root;
  write_side(root.path(), true, 2, 1);
  write_side(root.path(), false, 2.5, 0.5);
  GapOptions options;
  options.frames = 40;
  options.stations = {3};
  options.probes = {2, 4, 99};
  const auto gaps = measure_gap(load_scenario("cylinder"), root.path(), options);
  EXPECT_EQ(gaps[0].real.frames, 40);
  EXPECT_EQ(gaps[0].stations, std::vector<int64_t>{3});
  std::filesystem::rename(root.path() / "cylinder/numerical/1800.h5",
                          root.path() / "cylinder/numerical/1900.h5");
  EXPECT_THROW(measure_gap(load_scenario("cylinder"), root.path()), Error);
}

}  // namespace
}  // namespace windtunnel::datasets
