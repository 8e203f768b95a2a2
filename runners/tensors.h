#pragma once

#include <ATen/core/Tensor.h>

#include "core/array.h"

namespace windtunnel::runners {

/// A tensor over the array's memory; the array must outlive it.
at::Tensor view(core::Array& array);
/// A tensor of its own with the array's values.
at::Tensor to_tensor(const core::Array& array);
/// Dense float32 copy.
core::Array to_array(const at::Tensor& tensor);

}  // namespace windtunnel::runners
