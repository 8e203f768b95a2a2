#pragma once

#include <memory>

#include "baselines/dpot/dpot.h"
#include "baselines/layers.h"

namespace windtunnel::baselines {

/// Sizes of the network, all fixed by the options and the channel numbers of the data.
struct DpotSizes {
  int64_t side, patch, grid;               ///< img_size, patch_size, side / patch
  int64_t fields, in_channels, in_frames;  ///< channels of the data, with filling ones, frames
  int64_t hidden;                          ///< width of the patch embedding, out_channels * patch + 3
};

/// Fields (B,T,S,S,C) -> features (B,G,G,E). Each frame, with channels of ones up to in_channels and the
/// coordinates x, y, t in 0..1 appended, is cut into patches: a = act(patch convolution to `hidden`), v_t =
/// a_t P + b + position. Time aggregation: out = sum_t (v_t * cos(u_t gamma)) w[t], u_t = t/(T-1); without
/// the cosine for time_agg mlp.
///
/// The fast form multiplies P, the cosine and w[t] into one (hidden, E) matrix per frame first, which
/// replaces T products of width E by T of width `hidden` << E, and treats the channels that no sample changes
/// as constants. Holds only references to the network's modules of the published state.
class PatchEmbedding {
 public:
  PatchEmbedding(const DpotSizes& sizes, const DpotOptions& options, std::shared_ptr<Convolution> patch,
                 std::shared_ptr<Convolution> widen, at::Tensor position, at::Tensor weights,
                 at::Tensor gamma);
  at::Tensor forward(const at::Tensor& x) const;

 private:
  at::Tensor constant_channels(const at::Tensor& x) const;  ///< (T,S,S,in_channels+3-C)
  at::Tensor patches(const at::Tensor& x) const;            ///< (N,S,S,C) -> (N,G,G,P*P*C)
  at::Tensor phases(const at::Tensor& x) const;             ///< cos(u_t gamma), (T,1,E); undefined for mlp
  at::Tensor forward_reference(const at::Tensor& x) const;
  void trace_patches(const at::Tensor& activated) const;

  DpotSizes sizes_;
  Activation act_;
  bool reference_;
  std::shared_ptr<Convolution> patch_, widen_;
  at::Tensor position_, weights_, gamma_;
  mutable at::Tensor constant_patches_;
};

}  // namespace windtunnel::baselines
