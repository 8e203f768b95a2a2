#pragma once

#include <memory>
#include <string>

#include "baselines/baseline.h"

namespace windtunnel::baselines {

/// Which sizes a model can take where its architecture does not take any.
struct PaddingRule {
  int64_t multiple = 1;       ///< of height and width
  int64_t minimum = 1;        ///< height and width
  bool power_of_two = false;  ///< height and width
  int64_t frames = 1;         ///< fewest input frames; the output grows by as many

  /// The next sizes that the rule allows.
  SampleShape padded(const SampleShape& shape) const;
};

/// make_baseline for the sizes that `rule` asks for, wrapped so that it takes those of `context`: the input
/// is continued by its last row and column and, in front, by its first frame; the output is cropped. State
/// and parameters are the model's own. The plain model if nothing has to be padded. Model error for a model
/// with a loss of its own, which cannot be cropped.
std::shared_ptr<Baseline> make_padded_baseline(const std::string& name, const ModelContext& context,
                                               const core::Json& values, const PaddingRule& rule);

}  // namespace windtunnel::baselines
