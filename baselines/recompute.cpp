#include "baselines/recompute.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <mutex>

#include "baselines/trace.h"

namespace windtunnel::baselines {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

thread_local int scopes = 0;
thread_local bool second_run = false;

/// Sets a flag of this thread until the end of the block.
class Raised {
 public:
  explicit Raised(bool& flag) : flag_(flag), before_(flag) { flag = true; }
  ~Raised() { flag_ = before_; }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;

 private:
  bool& flag_;
  bool before_;
};

at::Tensor random_state() {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get_state();
}

void set_random_state(const at::Tensor& state) {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
}

/// Restores the random stream that was current at construction.
class RandomStream {
 public:
  explicit RandomStream(const at::Tensor& instead) : before_(random_state()) { set_random_state(instead); }
  ~RandomStream() { set_random_state(before_); }
  RandomStream(const RandomStream&) = delete;
  RandomStream& operator=(const RandomStream&) = delete;

 private:
  at::Tensor before_;
};

/// New leaves with the values of `inputs`.
std::vector<at::Tensor> leaves(at::TensorList inputs) {
  std::vector<at::Tensor> result;
  for (const at::Tensor& input : inputs)
    result.push_back(input.defined() ? input.detach().set_requires_grad(input.requires_grad()) : input);
  return result;
}

/// The block with its state between both runs.
struct Work {
  Block block;
  std::vector<bool> defined;  // of each input
  at::Tensor random;          // stream before the first run
};

class Checkpoint : public torch::autograd::Function<Checkpoint> {
 public:
  // Both runs record gradients, so that both take the same kernels; the first record is dropped at once.
  static at::Tensor forward(AutogradContext* context, const std::shared_ptr<Work>& work,
                            at::TensorList inputs) {
    context->saved_data["work"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(work));
    context->save_for_backward(inputs.vec());
    const at::AutoGradMode record(true);
    return work->block(with_undefined(*work, leaves(inputs))).detach();
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto holder = context->saved_data["work"].toCapsule();
    const Work& work = *static_cast<Holder*>(holder.get())->work;
    const std::vector<at::Tensor> inputs = leaves(context->get_saved_variables());
    {
      const at::AutoGradMode record(true);
      at::Tensor output;
      {
        const Raised flag(second_run);
        const RandomStream stream(work.random);
        output = work.block(with_undefined(work, inputs));
      }
      torch::autograd::backward({output}, {gradients[0]});
    }
    variable_list result(1);  // nothing for the block itself
    for (const at::Tensor& input : inputs) result.push_back(input.grad());
    return result;
  }

 private:
  struct Holder : torch::CustomClassHolder {
    explicit Holder(std::shared_ptr<Work> w) : work(std::move(w)) {}
    std::shared_ptr<Work> work;
  };

  static std::vector<at::Tensor> with_undefined(const Work& work, const std::vector<at::Tensor>& inputs) {
    std::vector<at::Tensor> all;
    size_t next = 0;
    for (const bool defined : work.defined) all.push_back(defined ? inputs[next++] : at::Tensor());
    return all;
  }
};

bool any_requires_grad(const std::vector<at::Tensor>& inputs) {
  for (const at::Tensor& input : inputs)
    if (input.defined() && input.requires_grad()) return true;
  return false;
}

}  // namespace

RecomputeScope::RecomputeScope() { ++scopes; }
RecomputeScope::~RecomputeScope() { --scopes; }

bool recomputing() { return second_run; }

at::Tensor recompute(Block block, std::vector<at::Tensor> inputs) {
  const bool plain = scopes == 0 || second_run || Trace::active() || !at::GradMode::is_enabled();
  if (plain || !any_requires_grad(inputs)) return block(inputs);
  const auto work = std::make_shared<Work>();
  work->block = std::move(block);
  work->random = random_state();
  std::vector<at::Tensor> defined;
  for (const at::Tensor& input : inputs) {
    work->defined.push_back(input.defined());
    if (input.defined()) defined.push_back(input);
  }
  return Checkpoint::apply(work, at::TensorList(defined));
}

}  // namespace windtunnel::baselines
