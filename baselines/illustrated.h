#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace windtunnel::baselines {

/// One step between input and prediction of a model, for the report.
struct Illustration {
  std::string name;    ///< "reconstruction"
  std::string note;    ///< one sentence for the reader
  bool codes = false;  ///< integers (T',H',W'), not a field
  at::Tensor values;   ///< a field (T,H,W,C) in the target's normalisation, all of the same frames; or codes
  int64_t given = 0;   ///< leading frames that the model was given
};

/// A model that can show what happens inside it.
class Illustrated {
 public:
  virtual ~Illustrated() = default;
  /// One sample, normalised: x (1,T,H,W,C_in), y (1,T',H,W,C_out).
  virtual std::vector<Illustration> illustrate(const at::Tensor& x, const at::Tensor& y) = 0;
};

}  // namespace windtunnel::baselines
