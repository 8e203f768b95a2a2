#pragma once

#include "baselines/baseline.h"

namespace windtunnel::baselines {

struct TrivialOptions : core::Options {
  void describe(core::OptionVisitor&) override {}
};

/// Forecasts that every learned model must beat; nothing to train. The first C_out input channels are used
/// (extra parameter planes are dropped); channels that the input lacks are zero. Output (B,T_out,H,W,C_out).
class Persistence : public Baseline {
 public:
  using Options = TrivialOptions;
  Persistence(const ModelContext& context, const TrivialOptions&) : output_(context.output) {}
  at::Tensor forward(const at::Tensor& x) override;  ///< the last input frame in every output frame
  bool in_physical_units() const override { return true; }

 private:
  SampleShape output_;
};

class Mean : public Baseline {
 public:
  using Options = TrivialOptions;
  Mean(const ModelContext& context, const TrivialOptions&) : output_(context.output) {}
  at::Tensor forward(const at::Tensor& x) override;  ///< the time mean of the input at each point
  bool in_physical_units() const override { return true; }

 private:
  SampleShape output_;
};

}  // namespace windtunnel::baselines
