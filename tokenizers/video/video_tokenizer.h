#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tokenizers/module_state.h"
#include "tokenizers/video/channel_dictionary.h"
#include "tokenizers/video/coder.h"
#include "tokenizers/video/fsq.h"

namespace windtunnel::tokenizers {

/// Which channels a field has (positions in the dictionary, in the field's order) and which decoder is its
/// own.
struct FieldSource {
  std::vector<int64_t> channels;  ///< empty: all
  std::string decoder;            ///< empty: the only one
};

/// Discrete tokenizer of normalised fields (B,T,H,W,C), T = 1 + k t, H and W multiples of s (PhysiX,
/// arXiv 2506.17774; Cosmos tokenizers): wavelet patches, causal convolutional encoder, finite scalar
/// quantisation, causal decoder. Tokens (B,T',H',W') int64 of the first k latent frames depend on the first
/// 1 + (k-1) t frames only. Parameter names are the published ones: encoder.*, quant_conv, post_quant_conv,
/// decoder.* (or decoder.<data set>.*).
class VideoTokenizer : public torch::nn::Module {
 public:
  explicit VideoTokenizer(const VideoTokenizerOptions& options, const ChannelDictionary& dictionary = {});

  FieldSource source(const std::string& data_set) const;

  /// Encoder output before quantisation, (B,T',H',W',E).
  at::Tensor latents(const at::Tensor& x, const FieldSource& source = {}) const;
  at::Tensor encode(const at::Tensor& x, const FieldSource& source = {}) const;  ///< tokens
  /// Field of codes (B,T',H',W',E), the source's channels in its order.
  at::Tensor decode_codes(const at::Tensor& codes, const FieldSource& source = {}) const;
  at::Tensor decode(const at::Tensor& tokens, const FieldSource& source = {}) const;
  /// decode(encode(x)), with a gradient that passes the quantiser unchanged.
  at::Tensor reconstruct(const at::Tensor& x, const FieldSource& source = {}) const;

  /// x with the dictionary's absent channels, (B,T,H,W,V): zero or the learnt image.
  at::Tensor in_dictionary(const at::Tensor& x, const FieldSource& source) const;

  /// Strict copy of a state in published names; entries of published files that carry no weights of this
  /// model (wavelet filters, codebooks, unused resampling layers) are passed over.
  void load_state(const StateDict& state, const std::string& origin);

  const VideoTokenizerOptions& options() const { return options_; }
  const ChannelDictionary& dictionary() const { return dictionary_; }
  const Fsq& quantiser() const { return *quantiser_; }
  int64_t input_channels() const;

 private:
  const video::Decoder& decoder(const std::string& name) const;
  int64_t output_channels() const;

  VideoTokenizerOptions options_;
  ChannelDictionary dictionary_;
  std::shared_ptr<video::Encoder> encoder_;
  std::shared_ptr<video::Conv> quant_conv_, post_quant_conv_;
  std::shared_ptr<Fsq> quantiser_;
  std::map<std::string, std::shared_ptr<video::Decoder>> decoders_;
};

}  // namespace windtunnel::tokenizers
