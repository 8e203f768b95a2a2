#pragma once

#include <string>
#include <vector>

#include "core/random.h"
#include "tokenizers/module_state.h"
#include "tokenizers/video/options.h"

namespace windtunnel::tokenizers {

/// Changes the number of channels of a patched layer along `axis`, whose entries are `bands` groups of
/// channels (channel fastest), one step per pick: from fewer to `channels`, a copy of channel `pick` is
/// appended to every group; from more, channel `pick` is removed.
at::Tensor resize_channels(const at::Tensor& weight, int64_t axis, int64_t bands, int64_t channels,
                           const std::vector<int64_t>& picks);

/// Random channel numbers for the steps from `from` to `to` channels.
std::vector<int64_t> draw_picks(int64_t from, int64_t to, core::PythonRandom& random);

/// The state of a tokenizer trained on other channels, fitted to `options`: encoder.conv_in, decoder.conv_out
/// and its bias gain or lose channels. published: separate draws for the output's weight and bias, copies
/// keep their size. Otherwise one draw for both, and input copies are divided by their number, so that equal
/// inputs give the original response.
StateDict inflate(const StateDict& pretrained, const VideoTokenizerOptions& options, uint64_t seed,
                  bool published, const std::string& origin);

}  // namespace windtunnel::tokenizers
