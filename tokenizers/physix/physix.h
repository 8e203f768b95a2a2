#pragma once

#include <algorithm>
#include <memory>

#include "baselines/illustrated.h"
#include "baselines/phased.h"
#include "tokenizers/physix/options.h"
#include "tokenizers/rollout.h"
#include "tokenizers/transformer/token_transformer.h"
#include "tokenizers/video/video_tokenizer.h"

namespace windtunnel::tokenizers {

class PhysixTraining;

/// The PhysiX system as a baseline (arXiv 2506.17774): the last frames of the input become tokens, a
/// transformer predicts the tokens of the frames that follow, the tokenizer's decoder and a refinement
/// network make fields of them; window after window until T' frames are there. Networks are `tokenizer`,
/// `transformer`, `refiner`. Input channels beyond the output's are constant in time; they inform the
/// tokenizer and are not predicted.
class Physix : public baselines::Baseline, public baselines::PhasedTraining, public baselines::Illustrated {
 public:
  using Options = PhysixOptions;
  Physix(const baselines::ModelContext& context, const Options& options);
  ~Physix() override;

  at::Tensor forward(const at::Tensor& x) override;  ///< most probable tokens
  at::Tensor predict(const at::Tensor& x) override;  ///< tokens as the sampling options say
  bool seed_prediction(uint64_t seed) override;
  /// Sum of the three networks' losses on one window of each sample.
  at::Tensor loss(const at::Tensor& x, const at::Tensor& y) override;
  std::vector<std::string> zero_gradient_parameters() const override;

  /// One window, context and what follows: original, reconstruction, tokens of both, prediction as decoded
  /// and as refined.
  std::vector<baselines::Illustration> illustrate(const at::Tensor& x, const at::Tensor& y) override;

  std::vector<std::string> phases() const override;
  void set_field_scaling(const std::vector<float>& input_shift, const std::vector<float>& input_scale,
                         const std::vector<float>& target_shift,
                         const std::vector<float>& target_scale) override;
  void begin_phase(const std::string& phase, const baselines::PhaseSetting& setting) override;
  int64_t phase_updates() const override;
  int64_t phase_done() const override;
  double phase_update() override;
  double phase_learning_rate() const override;
  std::map<std::string, double> phase_validation() override;
  baselines::StateDict optimizer_state() const override;
  void load_optimizer_state(const baselines::StateDict& state, const std::string& origin) override;

  /// Input and target of one sample as one video (B,T+T',H,W,C_in) in the target's normalisation, on
  /// the padded grid.
  at::Tensor video(const at::Tensor& x, const at::Tensor& y) const;
  /// The channels of a field (...,C) that count in losses.
  at::Tensor measured(const at::Tensor& field) const { return in_loss(field); }
  int64_t measured_channels() const {
    return loss_channels_ > 0 ? std::min(loss_channels_, context_.output.channels) : context_.output.channels;
  }
  /// Tokens of fields (B,T,H,W,C_in), T = 1 + k t, and their fields (B,T,H,W,C_out). Inference.
  at::Tensor encode(const at::Tensor& field) const;
  at::Tensor decode(const at::Tensor& tokens) const;
  /// Everything after tokens: generates and decodes the window that follows `context` (B,c,H,W,C_in).
  WindowResult window_after(const at::Tensor& context, const SamplingOptions& sampling,
                            uint64_t stream) const;
  /// Frames context_frames().. of a decoded window corrected, (B,C,T,H,W) with the context in front.
  at::Tensor refine(const at::Tensor& context, const at::Tensor& decoded) const;

  const Options& options() const { return options_; }
  LatentGrid grid() const { return grid_; }
  const baselines::ModelContext& context() const { return context_; }
  std::shared_ptr<VideoTokenizer> tokenizer;
  std::shared_ptr<TokenTransformer> transformer;
  std::shared_ptr<RefinementUnet> refiner;  ///< null without refinement

 private:
  at::Tensor to_field(const at::Tensor& x) const;
  at::Tensor grown(const at::Tensor& field) const;
  at::Tensor cropped(const at::Tensor& field) const;
  RolloutModels rollout_models(const at::Tensor& constants) const;
  at::Tensor rollout(const at::Tensor& x, const SamplingOptions& sampling, uint64_t stream) const;

  baselines::ModelContext context_;
  Options options_;
  LatentGrid grid_;
  int64_t height_, width_;  ///< padded
  at::Tensor field_scale_, field_shift_;
  SamplingOptions sampling_;
  uint64_t next_stream_ = 0;
  std::unique_ptr<PhysixTraining> training_;
};

/// (B,T,H,W,C) <-> (B,C,T,H,W), dense.
at::Tensor to_channels_first(const at::Tensor& x);
at::Tensor to_channels_last(const at::Tensor& x);

}  // namespace windtunnel::tokenizers
