#include "tasks/rollout.h"

#include <algorithm>

#include "core/error.h"

namespace windtunnel::tasks {
namespace {

int64_t points(const core::Array& field) { return field.numel() / std::max<int64_t>(1, field.shape.back()); }

/// Copies the last frames of `source` (B,S,H,W,C) into frames [at, at + count) of `target` (B,T,H,W,C').
void copy_frames(const core::Array& source, int64_t from, int64_t count, core::Array& target, int64_t at) {
  const int64_t frame = source.numel() / (source.size(0) * source.size(1));
  const int64_t target_frame = target.numel() / (target.size(0) * target.size(1));
  for (int64_t b = 0; b < source.size(0); ++b)
    std::copy_n(source.data.begin() + (b * source.size(1) + from) * frame, count * frame,
                target.data.begin() + (b * target.size(1) + at) * target_frame);
}

/// Channels [0,keep) of `physical`, zeros up to the target's channels, then the parameter planes of `x`.
core::Array feedback(const core::Array& physical, const core::Array& x, int64_t target_channels,
                     int64_t keep) {
  core::Shape shape = physical.shape;
  const int64_t inputs = x.size(4), channels = physical.size(4);
  shape[4] = inputs;
  core::Array result(shape);
  keep = std::min(keep, channels);
  const int64_t frame = shape[2] * shape[3];
  for (int64_t b = 0; b < shape[0]; ++b)
    for (int64_t t = 0; t < shape[1]; ++t)
      for (int64_t i = 0; i < frame; ++i) {
        const int64_t point = (b * shape[1] + t) * frame + i;
        float* out = result.data.data() + point * inputs;
        std::copy_n(physical.data.data() + point * channels, keep, out);
        const float* planes = x.data.data() + ((b * x.size(1)) * frame + i) * inputs;
        std::copy(planes + target_channels, planes + inputs, out + target_channels);
      }
  return result;
}

void require_shape(const core::Array& prediction, const core::Array& x, int64_t target_channels,
                   const core::Array* first) {
  const auto& s = prediction.shape;
  const bool ok = s.size() == 5 && s[0] == x.size(0) && s[1] >= 1 && s[2] == x.size(2) && s[3] == x.size(3) &&
                  s[4] >= 1 && s[4] <= target_channels && (!first || s == first->shape);
  if (!ok)
    throw core::model_error(
        "the model answers input " + core::to_string(x.shape) + " with " + core::to_string(s),
        "(B,T_out,H,W,C) with the input's B,H,W and at most " + std::to_string(target_channels) +
            " channels, the same in every round");
}

}  // namespace

RolloutOptions RolloutOptions::of(const Protocol& protocol, int64_t rounds, int64_t measured) {
  return {rounds, measured, protocol.input_round_trip, protocol.unmeasured_feedback == "zero"};
}

RolloutResult rollout(const core::Array& x, int64_t target_channels, const Predictor& predict,
                      const datasets::Normalizer& normalizer, const RolloutOptions& options) {
  if (x.shape.size() != 5 || x.size(4) < target_channels || options.rounds < 1)
    throw core::data_error("rollout input " + core::to_string(x.shape) + " for " +
                               std::to_string(target_channels) + " target channels and " +
                               std::to_string(options.rounds) + " rounds",
                           "(B,T,H,W,C) with at least the target's channels, at least one round");
  const int64_t frames_in = x.size(1);
  const int64_t measured = options.measured > 0 ? options.measured : target_channels;
  core::Array current = x;
  normalizer.apply_input(current.data.data(), points(current), current.size(4));
  RolloutResult result;
  for (int64_t round = 0; round < options.rounds; ++round) {
    core::Array prediction = predict(current);
    require_shape(prediction, x, target_channels, nullptr);
    const int64_t frames_out = prediction.size(1), channels = prediction.size(4);
    if (round == 0) {
      core::Shape shape = prediction.shape;
      shape[1] = options.rounds * frames_out;
      result.prediction = result.normalised = core::Array(shape);
    } else if (result.prediction.size(1) != options.rounds * frames_out ||
               result.prediction.size(4) != channels) {
      throw core::model_error(
          "round " + std::to_string(round + 1) + " answers " + core::to_string(prediction.shape),
          "the shape of the first round");
    }
    core::Array physical = prediction;
    normalizer.invert_target(physical.data.data(), points(physical), channels);
    if (options.input_round_trip) {
      // The published loop keeps predictions in input units and reads them back with the target's statistics.
      prediction = physical;
      normalizer.apply_input(prediction.data.data(), points(prediction), channels);
      core::Array read_back = prediction;
      normalizer.invert_target(read_back.data.data(), points(read_back), channels);
      copy_frames(read_back, 0, frames_out, result.prediction, round * frames_out);
    } else {
      copy_frames(physical, 0, frames_out, result.prediction, round * frames_out);
      prediction = physical;
      normalizer.apply_target(prediction.data.data(), points(prediction), channels);
    }
    copy_frames(prediction, 0, frames_out, result.normalised, round * frames_out);
    if (round + 1 == options.rounds) break;

    core::Array next =
        feedback(physical, x, target_channels, options.zero_unmeasured ? measured : target_channels);
    normalizer.apply_input(next.data.data(), points(next), next.size(4));
    if (frames_out >= frames_in) {
      core::Array input(x.shape);
      copy_frames(next, frames_out - frames_in, frames_in, input, 0);
      current = std::move(input);
    } else {
      core::Array input(x.shape);
      copy_frames(current, frames_out, frames_in - frames_out, input, 0);
      copy_frames(next, 0, frames_out, input, frames_in - frames_out);
      current = std::move(input);
    }
  }
  return result;
}

int64_t detect_measured(const core::Array& y) {
  const int64_t channels = y.shape.empty() ? 0 : y.shape.back();
  int64_t zero = 0;
  for (int64_t c = 0; c < channels; ++c) {
    bool all_zero = true;
    for (int64_t i = c; all_zero && i < y.numel(); i += channels)
      all_zero = y.data[static_cast<size_t>(i)] == 0;
    zero += all_zero;
  }
  return channels - zero;
}

}  // namespace windtunnel::tasks
