#include "tokenizers/video/inflation.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "tokenizers/video/coder.h"

namespace windtunnel::tokenizers {
namespace {

/// Which original channel stands at each place after the picks.
std::vector<int64_t> origins(int64_t from, int64_t to, const std::vector<int64_t>& picks) {
  std::vector<int64_t> list;
  for (int64_t c = 0; c < from; ++c) list.push_back(c);
  if (static_cast<int64_t>(picks.size()) != std::abs(to - from))
    throw model_error(std::to_string(picks.size()) + " draws from " + std::to_string(from) + " to " +
                          std::to_string(to) + " channels",
                      "one per step");
  for (const int64_t pick : picks) {
    if (pick < 0 || pick >= static_cast<int64_t>(list.size()))
      throw model_error("drawn channel " + std::to_string(pick), "0 to " + std::to_string(list.size() - 1));
    if (to > from)
      list.push_back(list[static_cast<size_t>(pick)]);
    else
      list.erase(list.begin() + pick);
  }
  return list;
}

int64_t channels_of(const at::Tensor& weight, int64_t axis, int64_t bands, const std::string& what) {
  if (weight.size(axis) % bands != 0)
    throw model_error(what + " with " + std::to_string(weight.size(axis)) + " entries",
                      "a multiple of the " + std::to_string(bands) + " bands of a patch");
  return weight.size(axis) / bands;
}

/// Divides every copy of an input channel by the number of its copies.
at::Tensor balanced(const at::Tensor& weight, int64_t bands, const std::vector<int64_t>& list) {
  std::vector<float> factors;
  for (int64_t band = 0; band < bands; ++band)
    for (const int64_t c : list)
      factors.push_back(1.0f / static_cast<float>(std::count(list.begin(), list.end(), c)));
  return weight * at::tensor(factors).view({1, -1, 1, 1, 1});
}

}  // namespace

at::Tensor resize_channels(const at::Tensor& weight, int64_t axis, int64_t bands, int64_t channels,
                           const std::vector<int64_t>& picks) {
  const int64_t from = channels_of(weight, axis, bands, "layer");
  const auto list = origins(from, channels, picks);
  std::vector<int64_t> index;
  for (int64_t band = 0; band < bands; ++band)
    for (const int64_t c : list) index.push_back(band * from + c);
  return at::index_select(weight, axis, at::tensor(index));
}

std::vector<int64_t> draw_picks(int64_t from, int64_t to, core::PythonRandom& random) {
  std::vector<int64_t> picks;
  for (int64_t n = from; n != to; n += to > from ? 1 : -1)
    picks.push_back(static_cast<int64_t>(random.below(static_cast<uint64_t>(n))));
  return picks;
}

StateDict inflate(const StateDict& pretrained, const VideoTokenizerOptions& options, uint64_t seed,
                  bool published, const std::string& origin) {
  const Patching patching = video::patching_of(options);
  if (patching.method != "haar")
    throw model_error(origin + ": channel inflation with patch method " + patching.method, "haar",
                      "the layer's channel order differs");
  const int64_t bands = patching.block();
  const std::string in = options.factorised() ? "encoder.conv_in.0.conv3d" : "encoder.conv_in.conv3d";
  const std::string out = options.factorised() ? "decoder.conv_out.1.conv3d" : "decoder.conv_out.conv3d";
  core::PythonRandom random(seed);
  std::vector<int64_t> out_picks;
  StateDict fitted;
  for (const auto& [name, value] : pretrained) {
    if (name == in + ".weight") {
      const int64_t from = channels_of(value, 1, bands, origin + ": " + name);
      const auto picks = draw_picks(from, options.in(), random);
      const at::Tensor resized = resize_channels(value, 1, bands, options.in(), picks);
      fitted.emplace_back(name,
                          published ? resized : balanced(resized, bands, origins(from, options.in(), picks)));
    } else if (name == out + ".weight" || name == out + ".bias") {
      const int64_t from = channels_of(value, 0, bands, origin + ": " + name);
      if (published || out_picks.empty()) out_picks = draw_picks(from, options.out(), random);
      fitted.emplace_back(name, resize_channels(value, 0, bands, options.out(), out_picks));
    } else {
      fitted.emplace_back(name, value);
    }
  }
  return fitted;
}

}  // namespace windtunnel::tokenizers
