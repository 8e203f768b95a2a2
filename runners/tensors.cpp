#include "runners/tensors.h"

#include <ATen/ops/from_blob.h>

#include <cstring>

namespace windtunnel::runners {

at::Tensor view(core::Array& array) { return at::from_blob(array.data.data(), array.shape, at::kFloat); }

at::Tensor to_tensor(const core::Array& array) { return view(const_cast<core::Array&>(array)).clone(); }

core::Array to_array(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.detach().to(at::kFloat).contiguous();
  core::Array array(dense.sizes().vec());
  std::memcpy(array.data.data(), dense.const_data_ptr<float>(), array.data.size() * sizeof(float));
  return array;
}

}  // namespace windtunnel::runners
