#pragma once

#include "baselines/baseline.h"
#include "baselines/dpot/fourier_resize.h"
#include "baselines/matching_load.h"

namespace windtunnel::baselines {

struct DpotOptions : core::Options {
  int64_t img_size = 128, patch_size = 8, in_channels = 0, out_channels = 0, in_timesteps = 0,
          out_timesteps = 0;
  int64_t embed_dim = 1024, depth = 6, n_blocks = 8, modes = 32, mlp_ratio = 1, out_layer_dim = 32,
          n_cls = 12;
  std::string act = "gelu", time_agg = "exp_mlp", backbone, kernels = "auto";

  void describe(core::OptionVisitor& v) override;
  /// Options from a published configuration: checkpoint_path becomes `backbone`; model_type must be dpot and
  /// normalize false (usage error otherwise).
  static core::Json from_published(core::Json config);
};
/// The published small model.
struct DpotSmallOptions : DpotOptions {};
/// The published large model. The published configuration has out_layer_dim 1536, which no backbone file has;
/// 128 is the width of the published large backbone.
struct DpotLargeOptions : DpotOptions {
  DpotLargeOptions() {
    embed_dim = 1536;
    depth = 24;
    n_blocks = 16;
    mlp_ratio = 4;
    out_layer_dim = 128;
  }
};

class DpotNetwork;

/// DPOT (Hao et al., ICML 2024), (B,T_in,H,W,C_in) -> (B,T_out,H,W,C_out), on a square grid of img_size
/// points to which fields are resized by their Fourier series. Fewer than 4 channels are filled up with
/// channels of ones. If out_timesteps < T_out the network predicts window after window, each fed with the
/// latest in_timesteps frames. `backbone`: a file of published weights; what fits by name and shape is loaded
/// at construction. compat published: resizing copies Nyquist components unchanged, and load_state copies
/// what fits (names with the prefix "dpot_model." or "module." or none); corrected: trigonometric
/// interpolation, and loading is strict.
class Dpot : public Baseline {
 public:
  using Options = DpotOptions;
  Dpot(const ModelContext& context, const DpotOptions& options);

  at::Tensor forward(const at::Tensor& x) override;
  at::Tensor to_published(const std::string& name, const at::Tensor& internal) const override;
  at::Tensor from_published(const std::string& name, const at::Tensor& published) const override;
  void load_state(const StateDict& state, const std::string& origin) override;
  /// Loads what fits, whatever the compat mode.
  MatchReport load_backbone(const StateDict& state, const std::string& origin);
  std::vector<std::string> zero_gradient_parameters() const override;

 private:
  at::Tensor window(const at::Tensor& x) const;  ///< (B,in_timesteps,H,W,C) -> (B,out_timesteps,H,W,C_out)

  SampleShape input_, output_;
  int64_t in_frames_, out_frames_;
  bool published_;
  FourierResize enlarge_, reduce_;
  std::shared_ptr<DpotNetwork> network_;
};

}  // namespace windtunnel::baselines
