#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "core/array.h"
#include "core/safetensors.h"
#include "core/torch_file.h"

namespace windtunnel::baselines {

at::ScalarType scalar_type(core::DType type);
/// Model error for an element type that no file format here knows (float8, quantised).
core::DType dtype_of(at::ScalarType type);

/// The same values and shape; the result shares the file's memory as long as `owner` (what keeps that memory
/// alive) is given and the data are aligned, otherwise it is a copy. Writing to it never changes the file.
at::Tensor to_tensor(const core::TensorView& view, std::shared_ptr<const void> owner = nullptr);
at::Tensor to_tensor(const core::PickleTensor& tensor, std::shared_ptr<const void> owner = nullptr);
at::Tensor to_tensor(const core::Array& array);  ///< copy

/// Dense row-major CPU tensor with conjugation and negation applied; itself if it already is.
at::Tensor flat(const at::Tensor& tensor);
/// View of a flat() tensor, which the caller keeps alive. Model error for any other.
core::TensorView view_of(const at::Tensor& tensor);
core::Array to_array(const at::Tensor& tensor);  ///< float32 copy of a real tensor

}  // namespace windtunnel::baselines
