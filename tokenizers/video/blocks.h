#pragma once

#include <memory>
#include <string>

#include "baselines/layers.h"
#include "tokenizers/video/options.h"

// Building blocks of the video tokenizer under the published names, on x (B,T,H,W,C).
namespace windtunnel::tokenizers::video {

/// Reports x to an active baselines::Trace as (B,C,T,H,W).
void trace(const std::string& name, const at::Tensor& x);

/// A convolution whose parameters are conv3d.weight and conv3d.bias; the kernel's shape says how it is
/// applied.
struct Conv : torch::nn::Module {
  Conv(int64_t in, int64_t out, int64_t frames, int64_t pixels, bool reference);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<baselines::Convolution> conv3d;
  bool reference;
};

/// "0" = 1x3x3 in -> out, "1" = 3x1x1 out -> last; or one 3x3x3 convolution `conv3d` in -> last.
struct SpaceTimeConv : torch::nn::Module {
  SpaceTimeConv(const VideoTokenizerOptions& options, int64_t in, int64_t out, int64_t last = 0);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<Conv> space, time;
  std::shared_ptr<baselines::Convolution> full;
};

struct Norm : torch::nn::Module {
  Norm(int64_t width, int64_t groups);
  at::Tensor forward(const at::Tensor& x, bool silu) const;
  std::shared_ptr<baselines::Affine> norm;
  int64_t groups;
};

/// Two linear maps of a modulation that the published program holds but never evaluates.
struct UnusedModulation : torch::nn::Module {
  UnusedModulation(int64_t embedding, int64_t width);
};

/// x + conv2(dropout(silu(norm2(conv1(silu(norm1 x)))))), x through nin_shortcut where the width changes.
struct ResidualBlock : torch::nn::Module {
  ResidualBlock(const VideoTokenizerOptions& options, int64_t in, int64_t out, bool film);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<Norm> norm1, norm2;
  std::shared_ptr<SpaceTimeConv> conv1, conv2;
  std::shared_ptr<Conv> shortcut;
  double dropout;
};

/// x + proj_out(attention(q, k, v)) of norm(x), over the positions of a frame or causally over frames.
struct Attention : torch::nn::Module {
  Attention(const VideoTokenizerOptions& options, int64_t width, bool temporal);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<Norm> norm;
  std::shared_ptr<Conv> q, k, v, proj_out;
  bool temporal, reference;
};

/// "0" spatial and "1" temporal attention; with full convolutions a spatial Attention alone.
std::shared_ptr<torch::nn::Module> make_attention(const VideoTokenizerOptions& options, int64_t width);
at::Tensor attend(const torch::nn::Module& attention, const at::Tensor& x);

/// Halves space, then time (each a convolution plus a mean), then mixes channels; identity if neither.
struct Downsample : torch::nn::Module {
  Downsample(const VideoTokenizerOptions& options, int64_t width, bool space, bool time);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<Conv> conv1, conv2, conv3;
  std::shared_ptr<Conv> full;
};

/// Doubles time (T -> 2T-1), then space, then mixes channels; identity if neither.
struct Upsample : torch::nn::Module {
  Upsample(const VideoTokenizerOptions& options, int64_t width, bool space, bool time);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<Conv> conv1, conv2, conv3;
  std::shared_ptr<Conv> full;
};

}  // namespace windtunnel::tokenizers::video
