#include "baselines/padding.h"

#include <ATen/ops/arange.h>

#include <algorithm>
#include <bit>

#include "core/array.h"
#include "core/error.h"

namespace windtunnel::baselines {
namespace {

int64_t next(int64_t size, const PaddingRule& rule) {
  size = std::max(size, rule.minimum);
  size = (size + rule.multiple - 1) / rule.multiple * rule.multiple;
  return rule.power_of_two ? static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(size))) : size;
}

/// Registers the parts of the model as its own, so that every name stays.
class Padded : public Baseline {
 public:
  Padded(std::shared_ptr<Baseline> model, const ModelContext& own, const SampleShape& inner)
      : model_(std::move(model)), input_(own.input), out_frames_(own.output.frames), inner_(inner) {
    for (const auto& item : model_->named_parameters(false)) register_parameter(item.key(), item.value());
    for (const auto& item : model_->named_buffers(false)) register_buffer(item.key(), item.value());
    for (const auto& item : model_->named_children()) register_module(item.key(), item.value());
  }

  at::Tensor forward(const at::Tensor& x) override { return cropped(model_->forward(grown(x))); }
  at::Tensor predict(const at::Tensor& x) override { return cropped(model_->predict(grown(x))); }
  bool seed_prediction(uint64_t seed) override { return model_->seed_prediction(seed); }
  void train(bool on) override {
    Baseline::train(on);
    model_->train(on);
  }
  void load_state(const StateDict& state, const std::string& origin) override {
    model_->load_state(state, origin);
  }
  at::Tensor to_published(const std::string& name, const at::Tensor& internal) const override {
    return model_->to_published(name, internal);
  }
  at::Tensor from_published(const std::string& name, const at::Tensor& published) const override {
    return model_->from_published(name, published);
  }
  std::vector<std::string> zero_gradient_parameters() const override {
    return model_->zero_gradient_parameters();
  }
  int64_t parameter_count() const override { return model_->parameter_count(); }

 private:
  /// Axis of x (B,T,H,W,C) extended to `size`, in front by its first or behind by its last entry.
  static at::Tensor extended(const at::Tensor& x, int64_t axis, int64_t size, bool in_front) {
    const int64_t have = x.size(axis), shift = in_front ? have - size : 0;
    if (have == size) return x;
    const at::Tensor positions = (at::arange(size, x.options().dtype(at::kLong)) + shift).clamp(0, have - 1);
    return x.index_select(axis, positions);
  }

  at::Tensor grown(const at::Tensor& x) const {
    if (x.dim() != 5 || x.size(1) != input_.frames || x.size(2) != input_.height || x.size(3) != input_.width)
      throw model_error("input of shape " + core::to_string(x.sizes().vec()),
                        "(B," + std::to_string(input_.frames) + "," + std::to_string(input_.height) + "," +
                            std::to_string(input_.width) + ",C)");
    return extended(extended(extended(x, 1, inner_.frames, true), 2, inner_.height, false), 3, inner_.width,
                    false);
  }

  at::Tensor cropped(const at::Tensor& y) const {
    return y.narrow(1, 0, out_frames_).narrow(2, 0, input_.height).narrow(3, 0, input_.width).contiguous();
  }

  std::shared_ptr<Baseline> model_;
  SampleShape input_;
  int64_t out_frames_;
  SampleShape inner_;
};

}  // namespace

SampleShape PaddingRule::padded(const SampleShape& shape) const {
  return {std::max(shape.frames, frames), next(shape.height, *this), next(shape.width, *this),
          shape.channels};
}

std::shared_ptr<Baseline> make_padded_baseline(const std::string& name, const ModelContext& context,
                                               const core::Json& values, const PaddingRule& rule) {
  const SampleShape inner = rule.padded(context.input);
  const int64_t frames = inner.frames - context.input.frames;
  if (frames == 0 && inner.height == context.input.height && inner.width == context.input.width)
    return make_baseline(name, context, values);
  ModelContext grown = context;
  grown.input = inner;
  grown.output.frames += frames;
  grown.output.height = inner.height;
  grown.output.width = inner.width;
  auto model = make_baseline(name, grown, values);
  if (model->wants_observation())
    throw model_error(name + " cannot be padded", "a model whose loss is the error of its output",
                      "set the keys data.pad_... to their defaults");
  return std::make_shared<Padded>(std::move(model), context, inner);
}

}  // namespace windtunnel::baselines
