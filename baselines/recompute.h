#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <vector>

namespace windtunnel::baselines {

/// While alive, what recompute() is given on this thread keeps only its inputs for the backward pass, which
/// computes the inner values again: memory of one block instead of all, for about a third more work. Results
/// stay the same to the bit, gradients up to the order of sums over the readers of a value.
class RecomputeScope {
 public:
  RecomputeScope();
  ~RecomputeScope();
  RecomputeScope(const RecomputeScope&) = delete;
  RecomputeScope& operator=(const RecomputeScope&) = delete;
};

/// True during the second computation of a block, which must not move running statistics again.
bool recomputing();

/// block(inputs), one tensor from several. Inside a RecomputeScope with gradients the block runs again in the
/// backward pass with the random stream of its first run. Everything differentiable that it reads must be an
/// input or a leaf; undefined tensors are passed on. The block must not overwrite its inputs and must outlive
/// the backward pass. Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016, arXiv
/// 1604.06174.
using Block = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;
at::Tensor recompute(Block block, std::vector<at::Tensor> inputs);

/// The same for a layer with one input: layer->forward(x).
template <class Module>
at::Tensor recompute(const std::shared_ptr<Module>& layer, const at::Tensor& x) {
  return recompute([layer](const std::vector<at::Tensor>& inputs) { return layer->forward(inputs[0]); }, {x});
}

}  // namespace windtunnel::baselines
