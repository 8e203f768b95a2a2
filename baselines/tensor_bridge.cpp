#include "baselines/tensor_bridge.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>
#include <utility>

#include "core/error.h"

namespace windtunnel::baselines {
namespace {

constexpr std::pair<core::DType, at::ScalarType> kTypes[] = {
    {core::DType::f64, at::kDouble},       {core::DType::f32, at::kFloat},
    {core::DType::f16, at::kHalf},         {core::DType::bf16, at::kBFloat16},
    {core::DType::i64, at::kLong},         {core::DType::i32, at::kInt},
    {core::DType::i16, at::kShort},        {core::DType::i8, at::kChar},
    {core::DType::u8, at::kByte},          {core::DType::boolean, at::kBool},
    {core::DType::c64, at::kComplexFloat}, {core::DType::c128, at::kComplexDouble}};

at::Tensor copy_of(core::DType type, const core::Shape& shape, const void* data) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(scalar_type(type)));
  if (tensor.numel() > 0) std::memcpy(tensor.mutable_data_ptr(), data, tensor.nbytes());
  return tensor;
}

bool aligned(const std::byte* data, core::DType type) {
  return reinterpret_cast<uintptr_t>(data) % core::item_size(type) == 0;
}

}  // namespace

at::ScalarType scalar_type(core::DType type) {
  for (const auto& [ours, theirs] : kTypes)
    if (ours == type) return theirs;
  throw model_error(std::string("no tensor type for ") + core::to_string(type));
}

core::DType dtype_of(at::ScalarType type) {
  for (const auto& [ours, theirs] : kTypes)
    if (theirs == type) return ours;
  throw model_error(std::string("a tensor of type ") + c10::toString(type) + " cannot be stored",
                    "a float, integer, boolean or complex tensor");
}

at::Tensor to_tensor(const core::TensorView& view, std::shared_ptr<const void> owner) {
  if (!owner || view.numel() == 0 || !aligned(view.data, view.type))
    return copy_of(view.type, view.shape, view.data);
  return at::from_blob(
      const_cast<std::byte*>(view.data), view.shape, [owner](void*) {},
      at::TensorOptions().dtype(scalar_type(view.type)));
}

at::Tensor to_tensor(const core::PickleTensor& tensor, std::shared_ptr<const void> owner) {
  const std::byte* data = tensor.storage + static_cast<size_t>(tensor.offset) * core::item_size(tensor.type);
  if (!owner || tensor.conj || tensor.neg || core::numel(tensor.shape) == 0 || !aligned(data, tensor.type)) {
    const auto bytes = tensor.dense();
    return copy_of(tensor.type, tensor.shape, bytes.data());
  }
  return at::from_blob(
      const_cast<std::byte*>(data), tensor.shape, tensor.strides, [owner](void*) {},
      at::TensorOptions().dtype(scalar_type(tensor.type)));
}

at::Tensor to_tensor(const core::Array& array) {
  return copy_of(core::DType::f32, array.shape, array.data.data());
}

at::Tensor flat(const at::Tensor& tensor) {
  return tensor.detach().cpu().resolve_conj().resolve_neg().contiguous();
}

core::TensorView view_of(const at::Tensor& tensor) {
  if (!tensor.is_cpu() || !tensor.is_contiguous() || tensor.is_conj() || tensor.is_neg())
    throw model_error("a tensor " + core::to_string(tensor.sizes().vec()) + " is not dense in main memory",
                      "the result of flat()");
  return {dtype_of(tensor.scalar_type()), tensor.sizes().vec(),
          static_cast<const std::byte*>(tensor.const_data_ptr())};
}

core::Array to_array(const at::Tensor& tensor) {
  const at::Tensor dense = flat(tensor.to(at::kFloat));
  const float* data = dense.const_data_ptr<float>();
  return {dense.sizes().vec(), std::vector<float>(data, data + dense.numel())};
}

}  // namespace windtunnel::baselines
