#include "metrics/probe.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "fields.h"
#include "metrics/accumulator.h"

namespace windtunnel::metrics {
namespace {

using Columns = std::array<int64_t, kStations>;

TEST(ProbeLayout, PublishedGeometries) {
  const ProbeGeometry cylinder{18, 32, 32, 1}, controlled{18, 16, 32, 1}, fsi{24, 66, 64, 2},
      foil{62, 30, 64, 2};
  const auto columns = [](const ProbeGeometry& g, int64_t h, int64_t w, ProbeRule rule) {
    return probe_layout(g, h, w, rule).x;
  };
  EXPECT_EQ(columns(cylinder, 64, 128, ProbeRule::two_diameters), (Columns{50, 68, 86, 104}));
  EXPECT_EQ(columns(controlled, 64, 128, ProbeRule::four_diameters), (Columns{34, 52, 70, 88}));
  EXPECT_EQ(columns(fsi, 64, 64, ProbeRule::two_diameters), (Columns{45, 57, 69, 81}));
  EXPECT_EQ(columns(fsi, 64, 64, ProbeRule::four_diameters), (Columns{45, 51, 57, 63}));
  EXPECT_EQ(columns(foil, 64, 128, ProbeRule::four_diameters), (Columns{46, 61, 77, 92}));
  EXPECT_EQ(probe_layout(cylinder, 64, 128, ProbeRule::four_diameters).y,
            (std::array<int64_t, kProbes>{24, 26, 28, 30, 32, 34, 36, 38, 40}));
}

TEST(ProbeLayout, LowGridsPutAllProbesOnOneRow) {
  const auto layout = probe_layout({2, 1, 4, 1}, 9, 20, ProbeRule::four_diameters);
  for (const int64_t row : layout.y) EXPECT_EQ(row, 4);
}

TEST(ProbeLayout, OutsideIsRefused) {
  const auto y = testing::constant({1, 2, 64, 64, 2}, 1);
  const core::Shape shape = {2, 64, 64, 2};
  const auto layout = probe_layout({24, 66, 64, 2}, 64, 64, ProbeRule::two_diameters);
  EXPECT_NE(layout.outside(64, 64), "");
  EXPECT_THROW(probe_profiles(y.data.data(), shape, y.data.data(), shape, layout, 2), Error);
  // Rows above the grid must not wrap around.
  const auto high = probe_layout({2, 1, 3, 1}, 40, 40, ProbeRule::four_diameters);
  EXPECT_NE(high.outside(40, 40), "");
}

TEST(Probe, ErrorByHand) {
  // P - Y averages to 0.5 over time in u and to 0 in v: 0.25 over two channels, 0.5 for u alone.
  const auto y = testing::constant({1, 2, 20, 30, 2}, 1);
  const auto p = testing::field(y.shape, [](int64_t, int64_t t, int64_t, int64_t, int64_t c) {
    return c == 0 ? 1 + (t == 0 ? 1.5 : -0.5) : 1 + (t == 0 ? 1 : -1);
  });
  const core::Shape shape = {2, 20, 30, 2};
  const auto layout = probe_layout({5, 2, 10, 1}, 20, 30, ProbeRule::four_diameters);
  ASSERT_EQ(layout.outside(20, 30), "");
  for (const double error :
       station_errors(probe_profiles(p.data.data(), shape, y.data.data(), shape, layout, 2)))
    EXPECT_DOUBLE_EQ(error, 0.25);
  for (const double error :
       station_errors(probe_profiles(p.data.data(), shape, y.data.data(), shape, layout, 1)))
    EXPECT_DOUBLE_EQ(error, 0.5);
  const auto shifted = station_errors(probe_profiles(p.data.data(), shape, y.data.data(), shape, layout, 1,
                                                     {.start_prediction = 1, .horizon = 1}));
  EXPECT_DOUBLE_EQ(shifted[0], 0.5);  // the second frame alone
  EXPECT_THROW(probe_profiles(p.data.data(), shape, y.data.data(), shape, layout, 1, {1, 0, 2}), Error);
}

TEST(Probe, UnmeasuredChannelDilutesThePublishedValue) {
  const auto y = testing::constant({2, 2, 20, 30, 3}, 0);
  const auto p =
      testing::field(y.shape, [](int64_t, int64_t, int64_t, int64_t, int64_t c) { return c < 2 ? 0.6 : 0; });
  const auto mvpe = [&](ProbeChannels channels) {
    AccumulatorOptions options;
    options.channels = 2;
    options.probes = ProbeOptions{{5, 2, 10, 1}, ProbeRule::four_diameters, channels};
    MetricAccumulator accumulator(options);
    accumulator.add(p, y, testing::ids(2));
    return find(accumulator.totals(), "mvpe")->value;
  };
  EXPECT_NEAR(mvpe(ProbeChannels::measured), 0.6, 1e-7);
  EXPECT_NEAR(mvpe(ProbeChannels::all_predicted), 0.4, 1e-7);
}

TEST(Probe, MeanProfilesOverSamples) {
  const core::Shape shape = {2, 2, 20, 30, 2};
  const auto y = testing::field(shape, [](int64_t b, int64_t t, int64_t h, int64_t, int64_t) {
    return static_cast<double>(h + 2 * b + t);
  });
  AccumulatorOptions options;
  options.probes = ProbeOptions{{5, 2, 10, 1}, ProbeRule::four_diameters, ProbeChannels::measured};
  MetricAccumulator accumulator(options);
  accumulator.add(testing::constant(shape, 3), y, testing::ids(2));
  const auto profiles = accumulator.profiles();
  ASSERT_EQ(profiles.channels, 2);
  const auto layout = probe_layout({5, 2, 10, 1}, 20, 30, ProbeRule::four_diameters);
  for (size_t p = 0; p < kProbes; ++p) {
    EXPECT_DOUBLE_EQ(profiles.target[0][2 * p], static_cast<double>(layout.y[p]) + 1.5);
    EXPECT_DOUBLE_EQ(profiles.prediction[3][2 * p + 1], 3);
  }
}

TEST(Probe, QuietestFrame) {
  const core::Array field({4, 1, 2, 2}, {3, 0, 3, 0, 1, 9, 1, 9, 1, 0, 1, 0, 0, 0, 0, 0});
  EXPECT_EQ(quietest_frame(field.data.data(), field.shape, 1, 3),
            1);  // the first of equals, second channel ignored
  EXPECT_EQ(quietest_frame(field.data.data(), field.shape, 2, 3), 2);
  EXPECT_EQ(quietest_frame(field.data.data(), field.shape, 2, 4), 3);
  EXPECT_THROW(quietest_frame(field.data.data(), field.shape, 2, 5), Error);
}

TEST(Probe, OutsideTheGridIsAReasonInsideAnEvaluation) {
  const auto y = testing::waves({1, 2, 64, 64, 2}, 1);
  AccumulatorOptions options;
  options.probes = ProbeOptions{{24, 66, 64, 2}, ProbeRule::two_diameters, ProbeChannels::measured};
  MetricAccumulator accumulator(options);
  accumulator.add(y, y, testing::ids(1));
  const auto scores = accumulator.totals();
  EXPECT_TRUE(std::isnan(find(scores, "mvpe")->value));
  EXPECT_NE(find(scores, "mvpe")->reason.find("outside"), std::string::npos);
  EXPECT_TRUE(accumulator.stations().empty());
}

}  // namespace
}  // namespace windtunnel::metrics
