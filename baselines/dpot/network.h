#pragma once

#include <memory>
#include <vector>

#include "baselines/dpot/afno.h"
#include "baselines/dpot/patch_embedding.h"

namespace windtunnel::baselines {

/// v + MLP(norm2(AFNO(norm1 v))) on (B,G,G,E); norms over 8 groups of channels, MLP point by point.
class DpotBlock : public torch::nn::Module {
 public:
  DpotBlock(const DpotOptions& options, const std::string& path);
  at::Tensor forward(const at::Tensor& v) const;

 private:
  std::string path_;
  Activation act_;
  std::shared_ptr<Affine> norm1_, norm2_;
  std::shared_ptr<Afno> filter_;
  std::shared_ptr<Convolution> first_, second_;
};

/// Fields (B,Ti,S,S,C) -> (B,To,S,S,C_out): patch embedding with time aggregation, `depth` blocks, and an
/// output stage (transposed patch convolution E -> O, act, linear O -> O, act, linear O -> Co*To) of which
/// the first C_out channels are computed. The class head belongs to the published state only.
class DpotNetwork : public torch::nn::Module {
 public:
  DpotNetwork(const DpotSizes& sizes, const DpotOptions& options, int64_t out_channels, int64_t out_frames,
              int64_t wanted_channels);
  at::Tensor forward(const at::Tensor& x) const;
  int64_t side() const { return sizes_.side; }

 private:
  at::Tensor output(const at::Tensor& v) const;

  DpotSizes sizes_;
  int64_t out_channels_, out_frames_, wanted_;
  Activation act_;
  std::unique_ptr<PatchEmbedding> embedding_;
  std::vector<std::shared_ptr<DpotBlock>> blocks_;
  std::shared_ptr<Convolution> mix_, project_;
  at::Tensor unpatch_,
      unpatch_bias_;  ///< (E,P,P,O), so that one product gives the points of a patch in order
};

}  // namespace windtunnel::baselines
