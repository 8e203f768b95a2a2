#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "baselines/baseline.h"
#include "core/json.h"
#include "core/safetensors.h"
#include "runners/conformance/suite.h"

namespace windtunnel::runners {

using baselines::Baseline;
using baselines::StateDict;

/// Tensors of a golden .safetensors file, in the dtype they are stored in.
class GoldenTensors {
 public:
  explicit GoldenTensors(const std::filesystem::path& path) : file_(path) {}
  bool contains(const std::string& name) const { return file_.contains(name); }
  at::Tensor at(const std::string& name) const;
  std::vector<std::string> names() const { return file_.names(); }
  /// Names that start with `prefix`, without it.
  std::vector<std::string> names(const std::string& prefix) const;

 private:
  core::SafetensorsFile file_;
};

/// Number of a golden JSON file; non-finite ones are the texts nan, inf, -inf. null gives nothing.
std::optional<double> golden_number(const core::Json& value);

/// The published deterministic fill (float32, row-major, complex as a trailing axis of 2): u_i from
/// splitmix64 of FNV-1a(name) + (i+1) * golden ratio, value = offset + amp * (2 u_i - 1).
at::Tensor filled(const std::string& name, const std::vector<int64_t>& shape, double offset, double amp);

/// L2 norm accumulated in double, over real and imaginary parts.
double l2_norm(const at::Tensor& tensor);

/// Records max |got - expected| against `relative` * max |expected| (or `scale` if given). Complex `got` is
/// compared with real pairs. A different shape is a failure.
void compare_tensor(CaseResult& result, const std::string& what, const at::Tensor& got,
                    const at::Tensor& expected, double relative, double scale = -1);

/// Gradients in published names and layout; undefined where a parameter has none.
StateDict published_gradients(const Baseline& model);
/// Entry of that name or a data error that lists the nearest one.
at::Tensor entry(const StateDict& state, const std::string& name, const std::string& origin);

/// Every <folder>/<case>.json in sorted order; empty if there is no such folder.
std::vector<std::filesystem::path> case_files(const std::filesystem::path& folder);

/// `config` without the keys in `shape_keys` (what the model's context supplies).
core::Json without(core::Json config, const std::vector<std::string>& shape_keys);

}  // namespace windtunnel::runners
