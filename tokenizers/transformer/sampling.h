#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/options.h"
#include "core/random.h"

namespace windtunnel::tokenizers {

/// How the next token follows from its logits.
struct SamplingOptions : core::Options {
  double temperature = 0;  ///< 0: the largest logit
  double top_p = 0;        ///< 0: off; keep entry i, in falling order, iff the sum before it is <= top_p
  int64_t top_k = 0;       ///< 0: off; keep logits >= the k-th largest, ties included
  int64_t seed = 0;

  void describe(core::OptionVisitor& v) override;
  /// Usage error if top_p and top_k are both set.
  void check() const;
};

int64_t largest(std::span<const float> logits);  ///< first index of the maximum

/// softmax(logits / T), cut to the kept entries and renormalised; vocabulary order, sums in float64. The fast
/// form finds the cut by adding up probability in classes of logits and sorts one class; the reference sorts
/// all.
std::vector<float> kept_probabilities(std::span<const float> logits, const SamplingOptions& options,
                                      bool reference = false);

/// argmax_i p_i / e_i over the kept entries: the published draw, e_i ~ Exp(1) given from outside. With
/// `falling_order`, e belongs to the entries sorted by falling probability (top-p), otherwise to the
/// vocabulary.
int64_t draw_with_noise(std::span<const float> probabilities, std::span<const float> noise,
                        bool falling_order);

/// Draws tokens: one uniform number per token, inverted through the kept probabilities. The same seed and
/// stream give the same tokens, whatever other streams do.
class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options, uint64_t stream = 0);
  int64_t operator()(std::span<const float> logits);

 private:
  SamplingOptions options_;
  core::PythonRandom random_;
};

}  // namespace windtunnel::tokenizers
