#include "tokenizers/video/video_tokenizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/zeros.h>

#include <array>
#include <set>

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::tokenizers {
namespace {

/// Patched channels of `channels` among `all`, in patch() order of a field that holds only those.
at::Tensor patched_channels(const Patching& patching, const std::vector<int64_t>& channels, int64_t all) {
  const auto present = static_cast<int64_t>(channels.size());
  std::vector<int64_t> index(static_cast<size_t>(present * patching.block()));
  for (int64_t band = 0; band < patching.block(); ++band)
    for (int64_t c = 0; c < present; ++c)
      index[static_cast<size_t>(patched_channel(patching, band, c, present))] =
          patched_channel(patching, band, channels[static_cast<size_t>(c)], all);
  return at::tensor(index);
}

/// Entries of published files without a counterpart here: buffers of the original program and layers that a
/// sibling implementation makes but never uses.
bool is_surplus(const std::string& name) {
  for (const char* buffer : {"patcher3d.wavelets", "patcher3d._arange", "patcher3d.patch_size_buffer"})
    if (name.ends_with(buffer) || name.ends_with(std::string("un") + buffer)) return true;
  if (name.starts_with("quantizer.")) return true;
  for (const char* layer : {".downsample.conv", ".upsample.conv"})
    if (name.find(layer) != std::string::npos) return true;
  return false;
}

}  // namespace

VideoTokenizer::VideoTokenizer(const VideoTokenizerOptions& options, const ChannelDictionary& dictionary)
    : options_(options), dictionary_(dictionary) {
  options_.check();
  if (options_.learnable_padding && options_.max_video_size.size() != 3)
    throw model_error("max_video_size of " + std::to_string(options_.max_video_size.size()) + " numbers",
                      "frames, rows, columns");
  const auto embedding = static_cast<int64_t>(options_.levels.size());
  encoder_ =
      register_module("encoder", std::make_shared<video::Encoder>(
                                     options_, input_channels(),
                                     options_.film ? static_cast<int64_t>(dictionary_.data_sets.size()) : 0));
  quant_conv_ =
      register_module("quant_conv", std::make_shared<video::Conv>(options_.z_channels * options_.z_factor,
                                                                  embedding, 1, 1, options_.reference()));
  quantiser_ = register_module("quantizer", std::make_shared<Fsq>(options_.levels));
  post_quant_conv_ = register_module(
      "post_quant_conv",
      std::make_shared<video::Conv>(embedding, options_.z_channels, 1, 1, options_.reference()));
  if (dictionary_.data_sets.empty()) {
    decoders_[""] =
        register_module("decoder", std::make_shared<video::Decoder>(options_, output_channels(), "decoder"));
    return;
  }
  const auto all = register_module("decoder", std::make_shared<baselines::Children>());
  for (const auto& set : dictionary_.data_sets)
    decoders_[set.name] = all->add(
        set.name, std::make_shared<video::Decoder>(options_, output_channels(), "decoder." + set.name));
}

int64_t VideoTokenizer::input_channels() const {
  return dictionary_.empty() ? options_.in() : dictionary_.size();
}
int64_t VideoTokenizer::output_channels() const {
  return dictionary_.empty() ? options_.out() : dictionary_.size();
}

FieldSource VideoTokenizer::source(const std::string& data_set) const {
  return {dictionary_.positions(dictionary_.data_set(data_set).channels), data_set};
}

const video::Decoder& VideoTokenizer::decoder(const std::string& name) const {
  const auto it = decoders_.find(name);
  if (it == decoders_.end()) throw model_error("no decoder '" + name + "'", "a data set of the tokenizer");
  return *it->second;
}

at::Tensor VideoTokenizer::in_dictionary(const at::Tensor& x, const FieldSource& source) const {
  if (source.channels.empty()) return x;
  const int64_t all = input_channels();
  at::Tensor field;
  if (encoder_->padding.defined()) {
    const std::array<int64_t, 2> size{x.size(2), x.size(3)};
    field = at::upsample_bilinear2d(encoder_->padding.unsqueeze(0), size, /*align_corners=*/false)
                .permute({0, 2, 3, 1})
                .unsqueeze(1)
                .expand({x.size(0), x.size(1), x.size(2), x.size(3), all});
  } else {
    field = at::zeros({x.size(0), x.size(1), x.size(2), x.size(3), all}, x.options());
  }
  return field.index_copy(4, at::tensor(source.channels), x);
}

at::Tensor VideoTokenizer::latents(const at::Tensor& x, const FieldSource& source) const {
  const auto channels =
      source.channels.empty() ? input_channels() : static_cast<int64_t>(source.channels.size());
  if (x.dim() != 5 || x.size(4) != channels)
    throw model_error("tokenizer: field of shape " + core::to_string(x.sizes().vec()),
                      "(B,T,H,W," + std::to_string(channels) + ")");
  options_.grid(x.size(1), x.size(2), x.size(3));
  const Patching patching = video::patching_of(options_);
  if (source.channels.empty() || encoder_->padding.defined())
    return quant_conv_->forward(encoder_->forward(patch(in_dictionary(x, source), patching)));
  // Absent channels are zero and add nothing: the columns of the present ones do.
  return quant_conv_->forward(
      encoder_->forward(patch(x, patching), patched_channels(patching, source.channels, input_channels())));
}

at::Tensor VideoTokenizer::encode(const at::Tensor& x, const FieldSource& source) const {
  return quantiser_->quantise(latents(x, source)).indices;
}

at::Tensor VideoTokenizer::decode_codes(const at::Tensor& codes, const FieldSource& source) const {
  const Patching patching = video::patching_of(options_);
  const at::Tensor z = post_quant_conv_->forward(codes);
  if (source.channels.empty()) return unpatch(decoder(source.decoder).forward(z), patching);
  return unpatch(
      decoder(source.decoder).forward(z, patched_channels(patching, source.channels, output_channels())),
      patching);
}

at::Tensor VideoTokenizer::decode(const at::Tensor& tokens, const FieldSource& source) const {
  if (tokens.dim() != 4)
    throw model_error("tokenizer: tokens of shape " + core::to_string(tokens.sizes().vec()), "(B,T',H',W')");
  return decode_codes(quantiser_->codes_of(tokens), source);
}

at::Tensor VideoTokenizer::reconstruct(const at::Tensor& x, const FieldSource& source) const {
  return decode_codes(quantiser_->quantise(latents(x, source)).codes, source);
}

void VideoTokenizer::load_state(const StateDict& state, const std::string& origin) {
  std::set<std::string> own;
  for (const auto& [name, value] : module_state(*this)) own.insert(name);
  StateDict relevant;
  for (const auto& [name, value] : state)
    if (own.contains(name) || !is_surplus(name)) relevant.emplace_back(name, value);
  load_module_state(*this, relevant, origin);
}

}  // namespace windtunnel::tokenizers
