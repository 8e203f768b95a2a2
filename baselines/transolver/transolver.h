#pragma once

#include <array>

#include "baselines/baseline.h"
#include "baselines/layers.h"

namespace windtunnel::baselines {

struct TransolverOptions : core::Options {
  int64_t n_layers = 1, n_hidden = 256, n_head = 8, slice_num = 16, mlp_ratio = 4;
  int64_t H = 0, W = 0, D = 0, space_dim = 0, out_dim = 0;
  double dropout = 0.1;
  std::string act = "gelu", kernels = "auto";

  void describe(core::OptionVisitor& v) override;
  /// Options from a published configuration: `ref`, which nothing reads, is dropped; `fun_dim` adds to
  /// space_dim.
  static core::Json from_published(core::Json config);
};

/// Two linear layers with an activation between them.
struct TwoLayers : torch::nn::Module {
  TwoLayers(int64_t in, int64_t hidden, int64_t out, const std::string& act);
  at::Tensor forward(const at::Tensor& x) const;
  std::shared_ptr<Linear> first, last;
  Activation act;
};

class PhysicsAttention;

/// f + attention(LN1 f), then + MLP(LN2 f); the last block ends with a linear map of LN3 to the output
/// channels.
struct TransolverBlock : torch::nn::Module {
  TransolverBlock(const TransolverOptions& options, int64_t out_dim, bool last, const std::string& path,
                  bool reference);
  /// f (B, A1*A2*A3, E); `grid` = (A1,A2,A3).
  at::Tensor forward(const at::Tensor& f, const std::array<int64_t, 3>& grid) const;

  std::string path;
  std::shared_ptr<Affine> ln_1, ln_2, ln_3;
  std::shared_ptr<PhysicsAttention> attention;
  std::shared_ptr<TwoLayers> mlp;
  std::shared_ptr<Linear> mlp2;
};

/// Transolver (Wu et al., ICML 2024) on structured space-time grids, (B,T,H,W,C) -> (B,T,H,W,C_out), T_out =
/// T_in: an MLP lifts each point to E features, blocks of physics attention follow, the last one projects to
/// C_out. compat published: the convolution inside the attention reads the token order (t,h,w) as a grid of
/// the options H, W, D (only their product has to fit), so that its neighbours are not those of space and
/// time; corrected: it runs on the grid (T,H,W) and the three options have no effect.
class Transolver : public Baseline {
 public:
  using Options = TransolverOptions;
  Transolver(const ModelContext& context, const TransolverOptions& options);
  at::Tensor forward(const at::Tensor& x) override;

 private:
  SampleShape input_;
  std::array<int64_t, 3> grid_;
  int64_t out_dim_;
  at::Tensor placeholder_;
  std::shared_ptr<TwoLayers> preprocess_;
  std::vector<std::shared_ptr<TransolverBlock>> blocks_;
};

}  // namespace windtunnel::baselines
