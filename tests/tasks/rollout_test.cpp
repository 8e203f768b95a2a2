#include "tasks/rollout.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace windtunnel::tasks {
namespace {

core::Array ramp(const core::Shape& shape) {
  core::Array result(shape);
  for (size_t i = 0; i < result.data.size(); ++i) result.data[i] = static_cast<float>(i) / 8;
  return result;
}

const Predictor kCopy = [](const core::Array& x) { return x; };

TEST(Rollout, IdentityRepeatsTheInput) {
  const auto x = ramp({2, 3, 2, 2, 2});
  const auto result = rollout(x, 2, kCopy, {}, {.rounds = 2});
  ASSERT_EQ(result.prediction.shape, (core::Shape{2, 6, 2, 2, 2}));
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t i = 0; i < 24; ++i) {
      EXPECT_EQ(result.prediction.data[static_cast<size_t>(b * 48 + i)],
                x.data[static_cast<size_t>(b * 24 + i)]);
      EXPECT_EQ(result.prediction.data[static_cast<size_t>(b * 48 + 24 + i)],
                x.data[static_cast<size_t>(b * 24 + i)]);
    }
}

TEST(Rollout, RoundTripThroughInputStatisticsByHand) {
  // Model output m = 1 in target units (mean 10, scale 2): q = 12. Input statistics mean 4, scale 8: z = 1.
  const datasets::Normalizer normalizer("gaussian", {4}, {8}, {10}, {2});
  const core::Array x({1, 1, 1, 1, 1}, {0});
  const Predictor one = [](const core::Array& in) { return core::Array(in.shape, {1}); };
  const auto corrected = rollout(x, 1, one, normalizer, {.input_round_trip = false});
  EXPECT_EQ(corrected.prediction.data[0], 12);
  EXPECT_EQ(corrected.normalised.data[0], 1);
  const auto published = rollout(x, 1, one, normalizer, {.input_round_trip = true});
  EXPECT_EQ(published.prediction.data[0], 12);  // ((12-4)/8)*2+10: equal here by the choice of numbers
  EXPECT_EQ(published.normalised.data[0], 1);
  const datasets::Normalizer other("gaussian", {0}, {4}, {10}, {2});
  EXPECT_EQ(rollout(x, 1, one, other, {.input_round_trip = true}).prediction.data[0], 16);  // (12/4)*2+10
  EXPECT_EQ(rollout(x, 1, one, other, {.input_round_trip = false}).prediction.data[0], 12);
}

TEST(Rollout, ParameterPlanesAreAppendedInEveryRound) {
  // Channels u, parameter; the model adds the (normalised) parameter to u.
  core::Array x({1, 2, 1, 1, 2}, {1, 6, 2, 6});
  const datasets::Normalizer normalizer("gaussian", {0, 4}, {1, 2}, {0}, {1});
  std::vector<float> seen;
  const Predictor add = [&](const core::Array& in) {
    EXPECT_EQ(in.shape, (core::Shape{1, 2, 1, 1, 2}));
    seen.push_back(in.data[1]);
    return core::Array({1, 2, 1, 1, 1}, {in.data[0] + in.data[1], in.data[2] + in.data[3]});
  };
  const auto result = rollout(x, 1, add, normalizer, {.rounds = 3});
  EXPECT_EQ(seen, (std::vector<float>{1, 1, 1}));  // (6-4)/2
  EXPECT_EQ(result.prediction.data, (std::vector<float>{2, 3, 3, 4, 4, 5}));
}

TEST(Rollout, UnmeasuredFeedback) {
  // Two channels, one measured; what the second round sees in the other one.
  const core::Array x({1, 1, 1, 1, 2}, {1, 1});
  std::vector<float> seen;
  const Predictor model = [&](const core::Array& in) {
    seen.push_back(in.data[1]);
    return core::Array(in.shape, {in.data[0], 5});
  };
  rollout(x, 2, model, {}, {.rounds = 2, .measured = 1, .zero_unmeasured = true});
  rollout(x, 2, model, {}, {.rounds = 2, .measured = 1, .zero_unmeasured = false});
  EXPECT_EQ(seen, (std::vector<float>{1, 0, 1, 5}));
}

TEST(Rollout, ModelsMayPredictFewerChannels) {
  const auto x = ramp({1, 2, 1, 1, 3});
  std::vector<float> seen;
  const Predictor two = [&](const core::Array& in) {
    seen.push_back(in.data[2]);
    core::Array out({1, 2, 1, 1, 2});
    for (size_t i = 0; i < 2; ++i)
      for (size_t c = 0; c < 2; ++c) out.data[i * 2 + c] = in.data[i * 3 + c];
    return out;
  };
  const auto result = rollout(x, 3, two, {}, {.rounds = 2, .zero_unmeasured = false});
  EXPECT_EQ(result.prediction.shape, (core::Shape{1, 4, 1, 1, 2}));
  EXPECT_EQ(seen, (std::vector<float>{x.data[2], 0}));
}

TEST(Rollout, ShorterAndLongerPredictionsSlideTheWindow) {
  // Three input frames, one predicted: last + 1.
  const core::Array x({1, 3, 1, 1, 1}, {1, 2, 3});
  const Predictor next = [](const core::Array& in) { return core::Array({1, 1, 1, 1, 1}, {in.data[2] + 1}); };
  EXPECT_EQ(rollout(x, 1, next, {}, {.rounds = 3}).prediction.data, (std::vector<float>{4, 5, 6}));
  // One input frame, two predicted.
  const core::Array last({1, 1, 1, 1, 1}, {3});
  const Predictor two = [](const core::Array& in) {
    return core::Array({1, 2, 1, 1, 1}, {in.data[0] + 1, in.data[0] + 2});
  };
  EXPECT_EQ(rollout(last, 1, two, {}, {.rounds = 2}).prediction.data, (std::vector<float>{4, 5, 6, 7}));
}

TEST(Rollout, WrongModelShapesAreModelErrors) {
  const auto x = ramp({2, 3, 2, 2, 2});
  for (const core::Shape& shape :
       {core::Shape{2, 3, 2, 2, 3}, core::Shape{1, 3, 2, 2, 2}, core::Shape{2, 3, 4, 2}}) {
    try {
      rollout(x, 2, [&](const core::Array&) { return core::Array(shape); }, {}, {});
      ADD_FAILURE() << core::to_string(shape);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::model);
    }
  }
}

TEST(DetectMeasured, CountsChannelsThatAreNotZero) {
  core::Array y({1, 2, 1, 1, 3});
  EXPECT_EQ(detect_measured(y), 0);
  y.data[4] = 1;
  EXPECT_EQ(detect_measured(y), 1);
}

}  // namespace
}  // namespace windtunnel::tasks
