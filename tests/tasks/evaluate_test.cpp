#include "tasks/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/random.h"

namespace windtunnel::tasks {
namespace {

constexpr int64_t kSamples = 5;

core::Array random_field(const core::Shape& shape, uint64_t seed) {
  core::PythonRandom random(seed);
  core::Array result(shape);
  for (auto& v : result.data) v = static_cast<float>(random.normal());
  return result;
}

core::Array part(const core::Array& batch, int64_t from, int64_t to) {
  core::Shape shape = batch.shape;
  shape[0] = to - from;
  const int64_t sample = batch.numel() / batch.shape[0];
  return {shape, std::vector<float>(batch.data.begin() + from * sample, batch.data.begin() + to * sample)};
}

struct Windows {
  core::Array x = random_field({kSamples, 4, 6, 8, 3}, 1);
  core::Array y = random_field({kSamples, 8, 6, 8, 3}, 2);
  Windows() {
    for (size_t i = 2; i < x.data.size(); i += 3) x.data[i] = 0;
    for (size_t i = 2; i < y.data.size(); i += 3) y.data[i] = 0;
  }
  BatchSource source(int64_t size) const {
    return [this, size, at = int64_t{0}](EvaluationBatch& batch) mutable {
      if (at >= kSamples) return false;
      const int64_t to = std::min(kSamples, at + size);
      batch.input = part(x, at, to);
      batch.target = part(y, at, to);
      batch.ids.clear();
      for (int64_t b = at; b < to; ++b) batch.ids.push_back("w" + std::to_string(b));
      at = to;
      return true;
    };
  }
};

const Predictor kDamped = [](const core::Array& x) {
  core::Array out = x;
  for (auto& v : out.data) v *= 0.5f;
  return out;
};

const datasets::Normalizer kNormalizer("gaussian", {0.1f, -0.2f, 0}, {1.5f, 0.8f, 0}, {0.05f, -0.1f, 0},
                                       {1.4f, 0.9f, 0});

EvaluateOptions two_rounds() {
  EvaluateOptions options;
  options.rounds = 2;
  options.measured = 2;
  options.test_batch = 2;
  return options;
}

TEST(Evaluate, CorrectedScoresDoNotDependOnBatches) {
  const Windows windows;
  const auto whole = evaluate(windows.source(5), kDamped, kNormalizer, protocol("corrected"), two_rounds());
  EXPECT_EQ(whole.samples, 5);
  EXPECT_EQ(whole.channels, 2);
  EXPECT_EQ(whole.scores.front().id, "normalized_mse");
  for (const int64_t size : {1, 2, 3}) {
    const auto parts =
        evaluate(windows.source(size), kDamped, kNormalizer, protocol("corrected"), two_rounds());
    ASSERT_EQ(parts.scores.size(), whole.scores.size());
    for (size_t i = 0; i < whole.scores.size(); ++i)
      EXPECT_EQ(parts.scores[i].value, whole.scores[i].value) << whole.scores[i].id;
    for (size_t i = 0; i < 5; ++i) EXPECT_EQ(parts.rows[i].id, whole.rows[i].id);
  }
}

TEST(Evaluate, ScoringFilesEqualsEvaluation) {
  const Windows windows;
  auto options = two_rounds();
  options.capture_first = kSamples;
  const auto evaluation = evaluate(windows.source(2), kDamped, kNormalizer, protocol("corrected"), options);
  PredictionScorer scorer(protocol("corrected"), options);
  for (const auto& sample : evaluation.captured) {
    core::Array p = sample.prediction, y = sample.target;
    p.shape.insert(p.shape.begin(), 1);
    y.shape.insert(y.shape.begin(), 1);
    scorer.add(p, y, {sample.id});
  }
  const auto scored = scorer.finish();
  for (const auto& score : scored.scores) EXPECT_EQ(score.value, evaluation.value(score.id)) << score.id;
  EXPECT_TRUE(std::isnan(scored.value("normalized_mse")));
}

TEST(Evaluate, ProtocolsDiffer) {
  const Windows windows;
  const auto published =
      evaluate(windows.source(2), kDamped, kNormalizer, protocol("published"), two_rounds());
  const auto corrected =
      evaluate(windows.source(2), kDamped, kNormalizer, protocol("corrected"), two_rounds());
  EXPECT_NE(published.value("rmse"), corrected.value("rmse"));
  EXPECT_EQ(published.channels, 2);  // detected
}

TEST(Evaluate, ValidationHasNoRoundTrip) {
  const Windows windows;
  auto options = two_rounds();
  options.validation = true;
  Protocol published = protocol("published"), direct = published;
  direct.input_round_trip = false;
  const auto a = evaluate(windows.source(2), kDamped, kNormalizer, published, options);
  options.validation = false;
  const auto b = evaluate(windows.source(2), kDamped, kNormalizer, direct, options);
  EXPECT_EQ(a.value("rmse"), b.value("rmse"));
}

TEST(Evaluate, CapturesChosenSamples) {
  const Windows windows;
  auto options = two_rounds();
  options.capture = {"w3"};
  options.capture_first = 1;
  const auto evaluation = evaluate(windows.source(2), kDamped, kNormalizer, protocol("corrected"), options);
  ASSERT_EQ(evaluation.captured.size(), 2u);
  EXPECT_EQ(evaluation.captured[0].id, "w0");
  EXPECT_EQ(evaluation.captured[1].id, "w3");
  EXPECT_EQ(evaluation.captured[1].input.data, part(windows.x, 3, 4).data);
  EXPECT_EQ(evaluation.captured[1].prediction.shape, (core::Shape{8, 6, 8, 3}));
}

TEST(Evaluate, DivergedModelsAreResults) {
  const Windows windows;
  const Predictor broken = [](const core::Array& x) {
    core::Array out = x;
    out.data[0] = std::numeric_limits<float>::quiet_NaN();
    return out;
  };
  const auto evaluation =
      evaluate(windows.source(2), broken, kNormalizer, protocol("corrected"), two_rounds());
  EXPECT_EQ(evaluation.diverged, 3);  // the first sample of each batch
  EXPECT_EQ(evaluation.first_diverged, "w0");
}

TEST(Evaluate, Errors) {
  const Windows windows;
  const BatchSource none = [](EvaluationBatch&) { return false; };
  EXPECT_THROW(evaluate(none, kDamped, kNormalizer, protocol("corrected"), two_rounds()), Error);
  const auto kind = [&](const Predictor& model, EvaluateOptions options) {
    try {
      evaluate(windows.source(2), model, kNormalizer, protocol("corrected"), options);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::interrupted;
  };
  auto options = two_rounds();
  options.rounds = 3;  // targets hold two rounds
  EXPECT_EQ(kind(kDamped, options), ErrorKind::model);
  const Predictor one_channel = [](const core::Array& x) {
    core::Shape shape = x.shape;
    shape[4] = 1;
    return core::Array(shape);
  };
  EXPECT_EQ(kind(one_channel, two_rounds()), ErrorKind::model);
}

TEST(ProbeGeometry, ComesFromTheScenario) {
  datasets::Scenario scenario;
  EXPECT_FALSE(probe_geometry(scenario));
  scenario.geometry = datasets::Geometry{24, 66, 64};
  scenario.stride[datasets::Side::real] = 2;
  const auto geometry = probe_geometry(scenario);
  ASSERT_TRUE(geometry);
  EXPECT_EQ(geometry->diameter, 24);
  EXPECT_EQ(geometry->stride, 2);
}

}  // namespace
}  // namespace windtunnel::tasks
