#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "baselines/baseline.h"
#include "core/safetensors.h"
#include "core/torch_file.h"

namespace windtunnel::baselines {

inline std::filesystem::path golden_folder(const std::string& model) {
  return std::filesystem::path(WINDTUNNEL_GOLDEN) / "baselines" / model;
}

inline at::Tensor to_tensor(core::DType type, const core::Shape& shape, const void* data) {
  const auto kind = type == core::DType::i64   ? at::kLong
                    : type == core::DType::f64 ? at::kDouble
                    : type == core::DType::c64 ? at::kComplexFloat
                                               : at::kFloat;
  return at::from_blob(const_cast<void*>(data), shape, at::TensorOptions().dtype(kind)).clone();
}

/// Tensors of a golden safetensors file.
class GoldenTensors {
 public:
  explicit GoldenTensors(const std::filesystem::path& path) : file_(path) {}
  bool contains(const std::string& name) const { return file_.contains(name); }
  const std::vector<std::string>& names() const { return file_.names(); }
  at::Tensor at(const std::string& name) const {
    const core::TensorView& view = file_.at(name);
    return to_tensor(view.type, view.shape, view.data);
  }

 private:
  core::SafetensorsFile file_;
};

/// Weights of a published checkpoint, in file order.
inline StateDict read_published(const std::filesystem::path& path) {
  const core::TorchFile file(path);
  StateDict state;
  for (const auto& [name, tensor] : core::state_dict(file.root(), file.path())) {
    const auto bytes = tensor.dense();
    state.emplace_back(name, to_tensor(tensor.type, tensor.shape, bytes.data()));
  }
  return state;
}

/// Gradient L2 norm accumulated in double.
inline double norm_of(const at::Tensor& tensor) { return tensor.to(at::kDouble).norm().item<double>(); }

/// max |a - b| / max |b|.
inline double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>() / b.abs().max().item<double>();
}

}  // namespace windtunnel::baselines
