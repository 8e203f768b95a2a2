#include "metrics/well.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"
#include "fields.h"
#include "metrics/physix.h"

namespace windtunnel::metrics {
namespace {

TEST(Well, FormulasByHand) {
  // Space of four points, y = 1,1,3,3: mean square 5, sample variance 4/3; x = y + 1.
  const core::Array y({1, 1, 2, 2, 1}, {1, 1, 3, 3}), x({1, 1, 2, 2, 1}, {2, 2, 4, 4});
  const auto get = [&](const char* name) { return well_metric(name, x, y, 2, 0).data.at(0); };
  EXPECT_DOUBLE_EQ(get("MSE"), 1);
  EXPECT_DOUBLE_EQ(get("NMSE"), 1.0 / 5);
  EXPECT_DOUBLE_EQ(get("NRMSE"), std::sqrt(0.2));
  EXPECT_DOUBLE_EQ(get("NMAE"), 0.5);
  EXPECT_DOUBLE_EQ(get("VMSE"), 0.75);
  EXPECT_DOUBLE_EQ(get("VRMSE"), std::sqrt(0.75));
  EXPECT_DOUBLE_EQ(get("LInfinity"), 1);
  EXPECT_DOUBLE_EQ(get("PearsonR"), 0.75);  // perfect correlation gives (N-1)/N
}

TEST(Well, ConstantChannelIsGovernedByEpsilon) {
  const auto y = testing::constant({1, 1, 3, 3, 1}, 2), x = testing::constant({1, 1, 3, 3, 1}, 3);
  EXPECT_NEAR(well_metric("VRMSE", x, y, 2).data[0], std::sqrt(1 / 1e-7), 1e-6);
}

TEST(Well, NanIsNotHidden) {
  const auto y = testing::constant({1, 1, 2, 2, 1}, 1);
  auto x = y;
  x.data[1] = std::numeric_limits<float>::quiet_NaN();
  for (const auto& name : well_spatial_metrics())
    EXPECT_TRUE(std::isnan(well_metric(name, x, y, 2).data[0])) << name;
}

TEST(Well, SpectralErrorsAddUpToTheMse) {
  for (const core::Shape& shape : {core::Shape{2, 2, 9, 12, 2}, core::Shape{1, 2, 8, 7, 3}}) {
    const auto y = testing::waves(shape, 1), x = testing::near(y, 2);
    const auto mse = well_metric("MSE", x, y, 2);
    const auto bins = binned_spectral_mse(x, y, 2);
    for (size_t i = 0; i < mse.data.size(); ++i) {
      double sum = 0;
      for (const auto& bin : bins.mse) sum += bin.data[i];
      EXPECT_NEAR(sum, mse.data[i], 1e-6 * mse.data[i]);
    }
  }
}

TEST(Well, PowerSpectrumOfOneWave) {
  // cos(2 pi 3 w/16) on 16x16: |DFT|^2 = (256/2)^2 at two modes with |k| = 2 pi 3/16.
  const auto wave = testing::field({1, 1, 16, 16, 1}, [](int64_t, int64_t, int64_t, int64_t w, int64_t) {
    return std::cos(2 * std::numbers::pi * 3 * static_cast<double>(w) / 16);
  });
  const double k = 2 * std::numbers::pi * 3 / 16;
  const auto spectrum = power_spectrum(wave, 2, {0, k - 0.01, k + 0.01, 5});
  EXPECT_NEAR(spectrum.mean.data[1] * spectrum.counts[1], 2 * 128.0 * 128.0, 1e-2);
  EXPECT_NEAR(spectrum.mean.data[0], 0, 1e-5);
  EXPECT_EQ(spectrum.counts[0] + spectrum.counts[1] + spectrum.counts[2] + spectrum.counts[3], 256);
}

TEST(Well, TimeWindows) {
  EXPECT_EQ(time_windows(30), (std::vector<int64_t>{0, 1, 2, 5, 12, 30}));
  EXPECT_EQ(time_windows(100).back(), 100);
  EXPECT_EQ(time_windows(99, false).back(), 98);  // rounding of exp(ln 99) loses the last step
  EXPECT_EQ(time_windows(99).back(), 99);
  EXPECT_TRUE(time_windows(1).empty());
  Values values({1, 3, 1});
  values.data = {1, 2, 6};
  const auto means = windowed_means(values);
  EXPECT_DOUBLE_EQ(means.at("T=all"), 3);
  EXPECT_DOUBLE_EQ(means.at("T=0:1"), 1);
}

TEST(Well, BatchesWeighTheSameOnlyInThePublishedForm) {
  Values two({2, 1, 1}), one({1, 1, 1});
  two.data = {1, 3};
  one.data = {8};
  for (const bool published : {true, false}) {
    StepMeans means(published);
    means.add(two);
    means.add(one);
    EXPECT_DOUBLE_EQ(means.mean().data[0], published ? 5.0 : 4.0);
  }
}

TEST(Well, HistogramIgnoresWhereValuesAre) {
  const core::Array y({1, 2, 1, 2, 1}, {1, 2, 3, 4}), x({1, 2, 1, 2, 1}, {4, 3, 2, 1});
  EXPECT_EQ(histogram_w1(x, y, 2).data[0], 0);
  const core::Array shifted({1, 2, 1, 2, 1}, {5, 4, 3, 2});
  EXPECT_NEAR(histogram_w1(shifted, y, 2).data[0], 1 / 7.5, 1e-7);
}

TEST(TimeWarp, AShiftedSeriesIsNearButBent) {
  // Two channels on the unit circle, phase a function of time; the prediction lags by two frames.
  const int64_t frames = 24;
  const auto moving = [&](int64_t lag) {
    return testing::field({1, frames, 1, 1, 2}, [lag](int64_t, int64_t t, int64_t, int64_t, int64_t c) {
      const double s = static_cast<double>(t - lag);
      const double phase = 0.002 * s * s + 0.05 * s;
      return c == 0 ? std::cos(phase) : std::sin(phase);
    });
  };
  const auto target = moving(0);
  const auto same = windowed_dtw(target, target, 2);
  EXPECT_EQ(same.distance.data[0], 0);
  EXPECT_EQ(same.distortion.data[0], 0);
  const auto warp = windowed_dtw(moving(2), target, 2);
  EXPECT_GT(warp.distortion.data[0], 1.0);
  EXPECT_LE(warp.distortion.data[0], 2.0);
  double plain = 0;
  const auto shifted = moving(2);
  for (size_t i = 0; i < target.data.size(); i += 2) plain += std::pow(shifted.data[i] - target.data[i], 2);
  EXPECT_LT(warp.distance.data[0], 0.5 * std::sqrt(plain / static_cast<double>(frames)));
}

TEST(TimeWarp, ByHand) {
  // Two frames, one point, one channel: values become +-1, so that only D[1,1] counts, cost (x1-y1)^2.
  const core::Array x({1, 2, 1, 1, 1}, {1, -1}), y({1, 2, 1, 1, 1}, {1, 1});
  const auto warp = windowed_dtw(x, y, 2);
  EXPECT_NEAR(warp.distance.data[0], std::sqrt(4.0 / 2), 1e-6);
  EXPECT_EQ(warp.distortion.data[0], 0);
}

TEST(Physix, ChannelsFirstGivesTheSameNumbers) {
  const auto y = testing::waves({1, 3, 4, 5, 2}, 1), x = testing::near(y, 2);
  const auto permuted = [](const core::Array& field) {
    core::Array result({2, 3, 4, 5});
    for (int64_t i = 0; i < 60; ++i)
      for (int64_t c = 0; c < 2; ++c)
        result.data[static_cast<size_t>(c * 60 + i)] = field.data[static_cast<size_t>(2 * i + c)];
    return result;
  };
  EXPECT_EQ(physix_metric("VRMSE", permuted(x), permuted(y)).data, well_metric("VRMSE", x, y, 2).data);
  const auto frames = physix_frame_vrmse(permuted(x), permuted(y));
  ASSERT_EQ(frames.size(), 3u);
  const auto both = well_metric("VRMSE", x, y, 2).data;
  EXPECT_DOUBLE_EQ(frames[1], (both[2] + both[3]) / 2);
  EXPECT_DOUBLE_EQ(physix_frame_vrmse(permuted(x), permuted(y), {0})[1], both[3]);
  EXPECT_THROW(physix_frame_vrmse(permuted(x), permuted(y), {0, 1}), Error);
}

TEST(Physix, ConstantChannels) {
  core::Array field({2, 2, 1, 2}, {1, 2, 1, 2, 1, 2, 1, 3});
  EXPECT_EQ(constant_channels(field), std::vector<int64_t>{0});
}

TEST(Physix, Nl1ByHand) {
  const core::Array y({1, 2, 2}, {1, 1, 3, 3}), x({1, 2, 2}, {2, 2, 4, 4});
  EXPECT_DOUBLE_EQ(physix_nl1(x, y), 1 / (std::sqrt(4.0 / 3) + 0.001));
}

}  // namespace
}  // namespace windtunnel::metrics
