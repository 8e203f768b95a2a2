#include "runners/conformance/model_case.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/view_as_real.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "baselines/tensor_bridge.h"
#include "core/array.h"
#include "core/error.h"
#include "core/text.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

at::Tensor as_pairs(const at::Tensor& tensor) {
  return tensor.is_complex() ? at::view_as_real(tensor.resolve_conj()) : tensor;
}

uint64_t fnv1a(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const unsigned char c : text) hash = (hash ^ c) * 0x100000001b3ULL;
  return hash;
}

uint64_t splitmix64(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

}  // namespace

at::Tensor GoldenTensors::at(const std::string& name) const {
  return baselines::to_tensor(file_.at(name), file_.mapping());
}

std::vector<std::string> GoldenTensors::names(const std::string& prefix) const {
  std::vector<std::string> list;
  for (const auto& name : file_.names())
    if (name.starts_with(prefix)) list.push_back(name.substr(prefix.size()));
  return list;
}

std::optional<double> golden_number(const core::Json& value) {
  if (value.is_null()) return std::nullopt;
  if (!value.is_string()) return value.get<double>();
  const auto text = value.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  throw data_error("'" + text + "' stands where a number is expected", "a number, nan, inf or -inf");
}

at::Tensor filled(const std::string& name, const std::vector<int64_t>& shape, double offset, double amp) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  auto* out = tensor.data_ptr<float>();
  const uint64_t hash = fnv1a(name);
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    const uint64_t z = splitmix64(hash + (static_cast<uint64_t>(i) + 1) * 0x9E3779B97F4A7C15ULL);
    const double u = static_cast<double>(z >> 40) * 0x1p-24;
    out[i] = static_cast<float>(offset + amp * (2 * u - 1));
  }
  return tensor;
}

double l2_norm(const at::Tensor& tensor) {
  return as_pairs(tensor.detach()).to(at::kDouble).norm().item<double>();
}

void compare_tensor(CaseResult& result, const std::string& what, const at::Tensor& got,
                    const at::Tensor& expected, double relative, double scale) {
  const at::NoGradGuard guard;
  const at::Tensor a = as_pairs(got).to(at::kDouble), b = as_pairs(expected).to(at::kDouble);
  if (a.sizes() != b.sizes()) {
    ++result.comparisons;
    if (result.failure.empty())
      result.failure = what + " has shape " + core::to_string(a.sizes().vec()) + ", expected " +
                       core::to_string(b.sizes().vec());
    return;
  }
  if (b.numel() == 0) return result.expect(what, true);
  const at::Tensor finite = at::isfinite(b);
  if (!finite.all().item<bool>()) {
    // The same elements must be non-finite, of the same kind; the finite ones are compared as usual.
    result.expect(what + " (non-finite elements)",
                  (at::isnan(a) == at::isnan(b)).all().item<bool>() &&
                      ((a == b) | at::isnan(b) | finite).all().item<bool>() &&
                      (at::isfinite(a) == finite).all().item<bool>());
    if (finite.any().item<bool>())
      compare_tensor(result, what, a.masked_select(finite), b.masked_select(finite), relative, scale);
    return;
  }
  const double reference = scale >= 0 ? scale : b.abs().max().item<double>();
  result.record(what, (a - b).abs().max().item<double>(), relative * reference);
}

StateDict published_gradients(const Baseline& model) {
  StateDict gradients;
  for (const auto& item : model.named_parameters()) {
    const at::Tensor gradient = item.value().grad();
    gradients.emplace_back(item.key(),
                           gradient.defined() ? model.to_published(item.key(), gradient) : gradient);
  }
  return gradients;
}

at::Tensor entry(const StateDict& state, const std::string& name, const std::string& origin) {
  std::vector<std::string> known;
  for (const auto& [key, value] : state) {
    if (key == name) return value;
    known.push_back(key);
  }
  throw data_error(origin + ": no entry '" + name + "'", "an entry of the model",
                   core::suggestion(name, known));
}

std::vector<fs::path> case_files(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
  for (const auto& item : fs::directory_iterator(folder))
    if (item.path().extension() == ".json") files.push_back(item.path());
  std::sort(files.begin(), files.end());
  return files;
}

core::Json without(core::Json config, const std::vector<std::string>& shape_keys) {
  for (const auto& key : shape_keys) config.erase(key);
  return config;
}

}  // namespace windtunnel::runners
