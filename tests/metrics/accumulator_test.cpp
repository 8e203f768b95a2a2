#include "metrics/accumulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"
#include "fields.h"

namespace windtunnel::metrics {
namespace {

using testing::constant;
using testing::field;
using testing::ids;

double value(const std::vector<Score>& scores, const std::string& id) {
  const auto* score = find(scores, id);
  return score ? score->value : std::numeric_limits<double>::quiet_NaN();
}
std::string reason(const std::vector<Score>& scores, const std::string& id) {
  const auto* score = find(scores, id);
  return score ? score->reason : "no score";
}

std::vector<Score> totals(const AccumulatorOptions& options, const core::Array& p, const core::Array& y) {
  MetricAccumulator accumulator(options);
  accumulator.add(p, y, ids(y.shape[0]));
  return accumulator.totals();
}

TEST(Accumulator, ConstantErrorByHand) {
  // P - Y = 0.5 everywhere, Y = 2: each number follows from the formulas on paper.
  const core::Shape shape = {3, 4, 6, 8, 2};
  const auto y = constant(shape, 2), p = constant(shape, 2.5);
  const auto published = totals(AccumulatorOptions::published(), p, y);
  EXPECT_DOUBLE_EQ(value(published, "rmse"), 0.5);
  EXPECT_DOUBLE_EQ(value(published, "mae"), 0.5);
  EXPECT_DOUBLE_EQ(value(published, "rel_l2"), 0.25);
  EXPECT_EQ(value(published, "ke"), 0);
  EXPECT_NEAR(value(published, "fe"), 0.5 * 6 * 8 * 2, 1e-4);  // T*H*W*c*0.5 at f=0, mean over T frequencies
  EXPECT_NEAR(value(published, "low_frmse"), 0.5, 1e-7);       // bin 0 is the mean mode
  const auto corrected = totals(AccumulatorOptions::corrected(), p, y);
  EXPECT_NEAR(value(corrected, "fe"), 0.5 * 6 * 8, 1e-12);
  EXPECT_DOUBLE_EQ(value(corrected, "rmse_vector_norm"), 0.5 * std::sqrt(2.0));
  EXPECT_DOUBLE_EQ(value(corrected, "mae_vector_norm"), 1.0);
}

TEST(Accumulator, KineticEnergyIsTheVarianceOverTime) {
  // u = +-1 alternating has variance 1, v is constant: e(Y) = 1/2, e(P) = 0.
  const auto y = field({1, 2, 2, 3, 2}, [](int64_t, int64_t t, int64_t, int64_t, int64_t c) {
    return c == 0 ? (t == 0 ? 1 : -1) : 7;
  });
  EXPECT_DOUBLE_EQ(value(totals({}, constant(y.shape, 7), y), "ke"), 0.5);
}

TEST(Accumulator, KineticEnergyNeedsTwoChannels) {
  const auto y = testing::waves({2, 4, 4, 4, 1}, 1);
  const auto p = testing::near(y, 2);
  EXPECT_EQ(value(totals(AccumulatorOptions::published(), p, y), "ke"), 0);
  const auto corrected = totals(AccumulatorOptions::corrected(), p, y);
  EXPECT_TRUE(std::isnan(value(corrected, "ke")));
  EXPECT_EQ(reason(corrected, "ke"), card("ke").undefined);
}

TEST(Accumulator, KineticEnergySurvivesALargeMean) {
  const auto wave = [](double mean) {
    return field({1, 8, 2, 2, 2},
                 [mean](int64_t, int64_t t, int64_t, int64_t, int64_t) { return mean + (t % 2 ? 1 : -1); });
  };
  EXPECT_NEAR(value(totals({}, constant({1, 8, 2, 2, 2}, 4096), wave(4096)), "ke"), 1.0, 1e-9);
}

TEST(Accumulator, R2ComparesWithTheMeanOverSamples) {
  // Y = 0 and 2 at every position, mean 1, so that the squares about it are 1 per value; errors of 0.5 give
  // 0.25.
  const auto y =
      field({2, 2, 3, 3, 1}, [](int64_t b, int64_t, int64_t, int64_t, int64_t) { return 2.0 * b; });
  core::Array p = y;
  for (auto& v : p.data) v += 0.5f;
  EXPECT_DOUBLE_EQ(value(totals({}, p, y), "r2"), 0.75);
  EXPECT_DOUBLE_EQ(value(totals({}, p, y), "r2_pooled_channel_mean"), 0.75);
}

TEST(Accumulator, PooledR2KeepsChannelsApart) {
  const auto y = field({2, 1, 1, 2, 2}, [](int64_t b, int64_t, int64_t, int64_t w, int64_t c) {
    return 100.0 * c + 2.0 * b + 4.0 * w;
  });
  core::Array p = y;
  for (auto& v : p.data) v += 1;
  // Per channel values 0,4,2,6: squares about 3 sum to 20; two channels 40; error 8.
  EXPECT_DOUBLE_EQ(value(totals({}, p, y), "r2_pooled_channel_mean"), 1 - 8.0 / 40.0);
}

TEST(Accumulator, OneSampleHasNoR2) {
  const auto y = testing::waves({1, 4, 4, 4, 2}, 1);
  const auto scores = totals({}, testing::near(y, 2), y);
  EXPECT_EQ(value(scores, "r2"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(reason(scores, "r2"), card("r2").undefined);
  EXPECT_TRUE(std::isnan(value(totals({}, y, y), "r2")));  // 0/0
}

TEST(Accumulator, OneModeFallsIntoItsBin) {
  // cos(2 pi t/T) has |DFT| = THW/2 at i = +-1; the octant sees +1 only, in bin 1 with 7 modes.
  const int64_t frames = 8;
  const auto p = field({1, frames, 8, 10, 1}, [&](int64_t, int64_t t, int64_t, int64_t, int64_t) {
    return std::cos(2 * std::numbers::pi * static_cast<double>(t) / frames);
  });
  MetricAccumulator accumulator{AccumulatorOptions::published()};
  accumulator.add(p, constant(p.shape, 0), ids(1));
  const auto spectrum = accumulator.spectrum();
  ASSERT_EQ(spectrum.bins, 4);
  EXPECT_EQ(spectrum.modes_per_bin[1], 7);
  EXPECT_NEAR(spectrum.error_at(1, 0), 0.5, 1e-8);
  EXPECT_NEAR(spectrum.error_at(0, 0), 0, 1e-8);
  EXPECT_NEAR(value(accumulator.totals(), "frmse"), 0.5 / 4, 1e-7);
  EXPECT_NEAR(value(totals({}, p, constant(p.shape, 0)), "frmse"), 0.5 / std::sqrt(7.0) / 4, 1e-7);
}

TEST(Accumulator, PublishedChunksAreAveragedWithoutWeights) {
  // Errors 1, 1, 3 in chunks of two: (1 + 3)/2 instead of sqrt((1+1+9)/3).
  const auto y = constant({3, 2, 2, 2, 2}, 0);
  const auto p = field(y.shape, [](int64_t b, int64_t, int64_t, int64_t, int64_t) { return b == 2 ? 3 : 1; });
  EXPECT_FLOAT_EQ(static_cast<float>(value(totals(AccumulatorOptions::published(2), p, y), "rmse")), 2.0f);
  EXPECT_DOUBLE_EQ(value(totals({}, p, y), "rmse"), std::sqrt(11.0 / 3.0));
}

TEST(Accumulator, AOneSampleChunkPoisonsPublishedR2) {
  const auto y = testing::waves({3, 4, 4, 4, 2}, 1);
  const auto p = testing::near(y, 2);
  EXPECT_EQ(value(totals(AccumulatorOptions::published(2), p, y), "r2"),
            -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isfinite(value(totals(AccumulatorOptions::published(3), p, y), "r2")));
}

TEST(Accumulator, PublishedBatchMeansIgnoreBatchSizes) {
  auto options = AccumulatorOptions::published(0, 2);
  MetricAccumulator accumulator(options);
  const auto y = testing::waves({3, 2, 4, 4, 2}, 1);
  accumulator.add(y, y, ids(3), {1.0, 3.0, 8.0});
  EXPECT_DOUBLE_EQ(value(accumulator.totals(), "normalized_mse"), (2.0 + 8.0) / 2);
  options.loader_batch = 0;
  MetricAccumulator whole(options);
  whole.add(y, y, ids(3), {1.0, 3.0, 8.0});
  EXPECT_DOUBLE_EQ(value(whole.totals(), "normalized_mse"), 4.0);
}

TEST(Accumulator, NumbersDoNotDependOnBatchesOrThreads) {
  const auto y = testing::waves({7, 6, 9, 10, 3}, 1);
  const auto p = testing::near(y, 2);
  const std::vector<double> normalised = {0.1, 0.7, 0.3, 0.9, 0.11, 0.13, 0.17};
  for (const bool published : {false, true}) {
    auto options = published ? AccumulatorOptions::published(3, 2) : AccumulatorOptions::corrected();
    options.channels = 2;
    options.probes = ProbeOptions{{2, 1, 4, 1}, ProbeRule::four_diameters, ProbeChannels::measured};
    MetricAccumulator whole(options);
    whole.add(p, y, ids(7), normalised);
    for (const int64_t size : {1, 2, 3, 5})
      for (const int threads : {1, 3}) {
        options.threads = threads;
        MetricAccumulator parts(options);
        for (int64_t from = 0; from < 7; from += size) {
          const int64_t to = std::min<int64_t>(7, from + size);
          parts.add(testing::part(p, from, to), testing::part(y, from, to), ids(to - from, from),
                    {normalised.begin() + from, normalised.begin() + to});
        }
        const auto a = whole.totals(), b = parts.totals();
        ASSERT_EQ(a.size(), b.size());
        for (size_t i = 0; i < a.size(); ++i)
          EXPECT_EQ(a[i].value, b[i].value) << a[i].id << " batches of " << size;
        for (size_t i = 0; i < 7; ++i) {
          EXPECT_EQ(whole.rows()[i].id, parts.rows()[i].id);
          EXPECT_EQ(whole.rows()[i].values, parts.rows()[i].values);
        }
        EXPECT_EQ(whole.spectrum().error, parts.spectrum().error);
        EXPECT_EQ(whole.stations(), parts.stations());
      }
  }
}

TEST(Accumulator, RowsAggregateToTheTotals) {
  const auto y = testing::waves({5, 6, 9, 10, 2}, 1);
  MetricAccumulator accumulator{AccumulatorOptions::corrected()};
  accumulator.add(testing::near(y, 2), y, ids(5));
  const auto& columns = MetricAccumulator::columns();
  for (const auto& score : accumulator.totals()) {
    const auto& described = card(score.id);
    if (described.how() == Aggregation::set) continue;
    const auto column =
        static_cast<size_t>(std::find(columns.begin(), columns.end(), described.column()) - columns.begin());
    double mean = 0;
    for (const auto& row : accumulator.rows()) mean += row.values.at(column) / 5;
    if (described.how() == Aggregation::root) mean = std::sqrt(mean);
    EXPECT_NEAR(mean, score.value, 1e-12 * std::abs(score.value)) << score.id;
  }
}

TEST(Accumulator, ARowIsTheSampleAlone) {
  const auto y = testing::waves({3, 6, 8, 8, 2}, 1);
  const auto p = testing::near(y, 2);
  MetricAccumulator all{AccumulatorOptions::corrected()};
  all.add(p, y, ids(3));
  const auto alone = totals({}, testing::part(p, 1, 2), testing::part(y, 1, 2));
  const auto& columns = MetricAccumulator::columns();
  for (const auto& score : alone) {
    const auto it = std::find(columns.begin(), columns.end(), score.id);
    if (it == columns.end()) continue;
    EXPECT_EQ(all.rows()[1].values[static_cast<size_t>(it - columns.begin())], score.value) << score.id;
  }
}

TEST(Accumulator, EmptyBandsAreNotANumberWithAReason) {
  const auto y = testing::waves({2, 2, 8, 8, 2}, 1);  // one bin: only the middle band
  const auto scores = totals({}, testing::near(y, 2), y);
  EXPECT_TRUE(std::isnan(value(scores, "low_frmse")));
  EXPECT_TRUE(std::isnan(value(scores, "high_frmse")));
  EXPECT_TRUE(std::isfinite(value(scores, "mid_frmse")));
  EXPECT_EQ(reason(scores, "low_frmse"), card("low_frmse").undefined);
  const auto single = testing::waves({2, 1, 8, 8, 2}, 1);  // one frame: no bin at all
  EXPECT_TRUE(std::isnan(value(totals({}, testing::near(single, 2), single), "frmse")));
}

TEST(Accumulator, ZeroTarget) {
  const auto y = constant({2, 4, 4, 4, 2}, 0);
  const auto p = constant(y.shape, 1);
  for (const auto& options : {AccumulatorOptions::published(), AccumulatorOptions::corrected()}) {
    const auto scores = totals(options, p, y);
    EXPECT_EQ(value(scores, "rel_l2"), std::numeric_limits<double>::infinity());
    EXPECT_EQ(reason(scores, "rel_l2"), card("rel_l2").undefined);
  }
  EXPECT_TRUE(std::isnan(value(totals({}, p, y), "rel_low_frmse")));  // every bin skipped
  EXPECT_EQ(value(totals(AccumulatorOptions::published(), p, y), "rel_low_frmse"),
            std::numeric_limits<double>::infinity());
}

TEST(Accumulator, BinsWithoutTargetEnergyAreLeftOut) {
  // A constant target has energy in bin 0 only; rounding noise of the transform must not count as energy.
  const auto y = constant({2, 8, 9, 7, 1}, 3.3);
  const auto p = testing::near(y, 2, 0.3);
  const auto scores = totals({}, p, y);
  EXPECT_TRUE(std::isfinite(value(scores, "rel_low_frmse")));
  EXPECT_LT(value(scores, "rel_low_frmse"), 1);
  EXPECT_TRUE(std::isnan(value(scores, "rel_high_frmse")));
}

TEST(Accumulator, ChannelsBeyondTheScoredOnesDoNotMatter) {
  auto y = testing::waves({2, 6, 6, 6, 3}, 1);
  auto p = testing::near(y, 2);
  AccumulatorOptions options;
  options.channels = 2;
  const auto before = totals(options, p, y);
  for (size_t i = 2; i < y.data.size(); i += 3) y.data[i] = std::numeric_limits<float>::quiet_NaN();
  const auto after = totals(options, p, y);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i].value, after[i].value) << before[i].id;
}

TEST(Accumulator, NanInTheTargetIsAnErrorThatNamesThePlace) {
  auto y = testing::waves({2, 3, 4, 5, 2}, 1);
  const auto p = testing::near(y, 2);
  y.data[((((1 * 3 + 2) * 4 + 1) * 5) + 4) * 2 + 1] = std::numeric_limits<float>::quiet_NaN();
  MetricAccumulator accumulator{AccumulatorOptions::corrected()};
  try {
    accumulator.add(p, y, {"a", "b"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(error.found().find("'b'"), std::string::npos) << error.found();
    EXPECT_NE(error.found().find("frame 2, row 1, column 4, channel 1"), std::string::npos) << error.found();
  }
}

TEST(Accumulator, NanInThePredictionIsAResult) {
  const auto y = testing::waves({3, 4, 4, 4, 2}, 1);
  auto p = testing::near(y, 2);
  p.data[static_cast<size_t>(p.numel() / 3 + 5)] = std::numeric_limits<float>::infinity();
  MetricAccumulator accumulator{AccumulatorOptions::corrected()};
  accumulator.add(p, y, ids(3));
  EXPECT_EQ(accumulator.diverged(), 1);
  EXPECT_EQ(accumulator.first_diverged(), "sample1");
  const auto scores = accumulator.totals();
  EXPECT_FALSE(std::isfinite(value(scores, "rmse")));
  EXPECT_NE(reason(scores, "rmse").find("sample1"), std::string::npos);
}

TEST(Accumulator, RefusesWrongShapes) {
  const auto y = testing::waves({2, 4, 4, 4, 2}, 1);
  const auto add = [&](const core::Array& p, const core::Array& target, size_t count) {
    MetricAccumulator accumulator{AccumulatorOptions::corrected()};
    accumulator.add(p, target, ids(static_cast<int64_t>(count)));
  };
  EXPECT_THROW(add(testing::part(y, 0, 1), y, 2), Error);
  EXPECT_THROW(add(y, y, 1), Error);
  EXPECT_THROW(add(core::Array({2, 4, 4, 2}), core::Array({2, 4, 4, 2}), 2), Error);
  AccumulatorOptions options;
  options.channels = 3;
  EXPECT_THROW(totals(options, y, y), Error);
  MetricAccumulator accumulator{AccumulatorOptions::corrected()};
  EXPECT_THROW(accumulator.totals(), Error);
  accumulator.add(y, y, ids(2));
  const auto other = testing::waves({2, 4, 4, 5, 2}, 1);
  EXPECT_THROW(accumulator.add(other, other, ids(2)), Error);
  EXPECT_THROW(accumulator.add(y, y, ids(2), {1, 2}), Error);
}

}  // namespace
}  // namespace windtunnel::metrics
