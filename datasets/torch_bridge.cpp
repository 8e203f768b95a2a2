// The one unit of this folder that uses LibTorch: PyTorch's normal generator and its container format.
#include "datasets/torch_bridge.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <cstring>

#include "datasets/noise.h"

namespace windtunnel::datasets {
namespace {

class PublishedDraws : public Draws {
 public:
  PublishedDraws(uint64_t python_seed, uint64_t torch_seed)
      : python_(python_seed), torch_(at::detail::createCPUGenerator(torch_seed)) {}
  double uniform() override { return python_.random(); }
  void normal(float* out, int64_t count) override {
    const at::Tensor g = at::randn({count}, torch_, at::TensorOptions().dtype(at::kFloat));
    std::memcpy(out, g.const_data_ptr<float>(), static_cast<size_t>(count) * sizeof(float));
  }

 private:
  core::PythonRandom python_;
  at::Generator torch_;
};

}  // namespace

std::unique_ptr<Draws> published_draws(uint64_t python_seed, uint64_t torch_seed) {
  return std::make_unique<PublishedDraws>(python_seed, torch_seed);
}

std::string pickled_tuple(const std::vector<std::vector<float>>& vectors) {
  std::vector<c10::IValue> parts;
  for (const auto& v : vectors)
    parts.emplace_back(at::from_blob(const_cast<float*>(v.data()), {static_cast<int64_t>(v.size())}).clone());
  const std::vector<char> bytes = torch::jit::pickle_save(c10::ivalue::Tuple::create(std::move(parts)));
  return {bytes.begin(), bytes.end()};
}

}  // namespace windtunnel::datasets
