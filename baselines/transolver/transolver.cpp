#include "baselines/transolver/transolver.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/layer_norm.h>

#include "baselines/check.h"
#include "baselines/recompute.h"
#include "baselines/trace.h"
#include "baselines/transolver/physics_attention.h"
#include "core/array.h"
#include "core/error.h"

namespace windtunnel::baselines {
namespace {

constexpr int64_t kWideFeatures = 48;

at::Tensor layer_norm(const at::Tensor& x, const Affine& affine) {
  return at::layer_norm(x, {x.size(-1)}, affine.weight, affine.bias, 1e-5);
}

// f + dx without a new array when no gradient is recorded; `dx` is a temporary.
at::Tensor add_to(at::Tensor dx, const at::Tensor& f) {
  return dx.requires_grad() && at::GradMode::is_enabled() ? dx + f : dx.add_(f);
}

// The published program draws every linear weight anew after construction and clears the biases.
void redraw(torch::nn::Module& module) {
  at::NoGradGuard guard;
  for (const auto& child : module.modules(/*include_self=*/false))
    if (auto* linear = dynamic_cast<Linear*>(child.get())) {
      linear->weight.normal_(0.0, 0.02);
      if (linear->bias.defined()) linear->bias.zero_();
    }
}

void check(const ModelContext& context, const TransolverOptions& o, bool published) {
  const SampleShape &in = context.input, &out = context.output;
  if (in.frames != out.frames)
    throw model_error("transolver: " + std::to_string(in.frames) + " input and " +
                          std::to_string(out.frames) + " output frames",
                      "as many output frames as input frames", "choose another model for this task");
  if (o.n_hidden % o.n_head != 0)
    throw model_error("transolver: n_hidden " + std::to_string(o.n_hidden) + " is not a multiple of n_head " +
                          std::to_string(o.n_head),
                      "heads of equal width");
  if (o.space_dim > 0 && o.space_dim != in.channels)
    throw model_error("transolver: space_dim " + std::to_string(o.space_dim) + ", but the input has " +
                          std::to_string(in.channels) + " channels",
                      "0 (from the data) or the number of input channels");
  if (o.out_dim > 0 && o.out_dim != out.channels)
    throw model_error("transolver: out_dim " + std::to_string(o.out_dim) + ", but the target has " +
                          std::to_string(out.channels) + " channels",
                      "0 (from the data) or the number of target channels");
  const int64_t tokens = in.frames * in.height * in.width;
  if (published && o.H * o.W * o.D != 0 && o.H * o.W * o.D != tokens)
    throw model_error("transolver: H*W*D = " + core::to_string({o.H, o.W, o.D}) + " has " +
                          std::to_string(o.H * o.W * o.D) + " points, the data " +
                          core::to_string({in.frames, in.height, in.width}) + " have " +
                          std::to_string(tokens),
                      "the same number of points", "set H, W, D to 0 to use the grid of the data");
}

}  // namespace

void TransolverOptions::describe(core::OptionVisitor& v) {
  v("n_layers", n_layers, "attention blocks", core::kPositive);
  v("n_hidden", n_hidden, "features per point", core::kPositive);
  v("n_head", n_head, "attention heads", core::kPositive);
  v("slice_num", slice_num, "slices per head", core::kPositive);
  v("mlp_ratio", mlp_ratio, "hidden width of the MLP / n_hidden", core::kPositive);
  v("dropout", dropout, "probability, in training", {0, 0.999});
  v.choice("act", act, Activation::names(), "activation of the MLPs");
  v("H", H, "first axis of the convolution's grid with compat published; 0 = the data's (T,H,W)",
    core::kNotNegative);
  v("W", W, "second axis, as H", core::kNotNegative);
  v("D", D, "third axis, as H", core::kNotNegative);
  v("space_dim", space_dim, "input channels; 0 = from the data", core::kNotNegative);
  v("out_dim", out_dim, "output channels; 0 = from the data", core::kNotNegative);
  v.choice("kernels", kernels, {"auto", "fast", "reference"},
           "form of the attention: slices before the convolution (fast) or after it; no effect on results");
}

core::Json TransolverOptions::from_published(core::Json config) {
  config.erase("ref");
  if (config.contains("fun_dim")) {
    config["space_dim"] = config.value("space_dim", int64_t{0}) + config.at("fun_dim").get<int64_t>();
    config.erase("fun_dim");
  }
  return config;
}

TwoLayers::TwoLayers(int64_t in, int64_t hidden, int64_t out, const std::string& activation)
    : act(activation) {
  const auto pre = register_module("linear_pre", std::make_shared<Children>());
  first = pre->add("0", std::make_shared<Linear>(in, hidden));
  last = register_module("linear_post", std::make_shared<Linear>(hidden, out));
}

at::Tensor TwoLayers::forward(const at::Tensor& x) const {
  return last->forward(act.consume(first->forward(x)));
}

TransolverBlock::TransolverBlock(const TransolverOptions& o, int64_t out_dim, bool is_last,
                                 const std::string& name, bool reference)
    : path(name) {
  ln_1 = register_module("ln_1", std::make_shared<Affine>(o.n_hidden));
  attention =
      register_module("Attn", std::make_shared<PhysicsAttention>(o.n_hidden, o.n_head, o.slice_num, o.dropout,
                                                                 path + ".Attn", reference));
  ln_2 = register_module("ln_2", std::make_shared<Affine>(o.n_hidden));
  mlp = register_module("mlp",
                        std::make_shared<TwoLayers>(o.n_hidden, o.n_hidden * o.mlp_ratio, o.n_hidden, o.act));
  if (!is_last) return;
  ln_3 = register_module("ln_3", std::make_shared<Affine>(o.n_hidden));
  mlp2 = register_module("mlp2", std::make_shared<Linear>(o.n_hidden, out_dim));
}

at::Tensor TransolverBlock::forward(const at::Tensor& input, const std::array<int64_t, 3>& grid) const {
  Trace* trace = Trace::active();
  const at::Tensor normed = layer_norm(input, *ln_1);
  if (trace) trace->value(path + ".ln_1", normed);
  at::Tensor f = add_to(attention->forward(normed, grid), input);
  f = add_to(mlp->forward(layer_norm(f, *ln_2)), f);
  if (ln_3) f = mlp2->forward(layer_norm(f, *ln_3));
  if (trace) trace->value(path, f);
  return f;
}

Transolver::Transolver(const ModelContext& context, const TransolverOptions& o) : input_(context.input) {
  const bool published = context.compat == "published";
  check(context, o, published);
  const SampleShape& in = input_;
  grid_ = {in.frames, in.height, in.width};
  if (published && o.H * o.W * o.D != 0) grid_ = {o.H, o.W, o.D};
  out_dim_ = context.output.channels;

  placeholder_ = register_parameter("placeholder", uniform_values({o.n_hidden}, 0, 1.0 / o.n_hidden));
  preprocess_ = register_module("preprocess",
                                std::make_shared<TwoLayers>(in.channels, 2 * o.n_hidden, o.n_hidden, o.act));
  const auto blocks = register_module("blocks", std::make_shared<Children>());
  // The fast attention multiplies slice_num/head width as much, but its convolutions have fewer channels,
  // which pays only if there are many: measured updates take 1.3 times as long with 24 features, 0.6 times
  // with 64 and 256.
  const bool narrow = o.n_hidden < kWideFeatures || o.slice_num >= o.n_hidden / o.n_head;
  const bool reference = o.kernels == "reference" || (o.kernels == "auto" && narrow);
  for (int64_t l = 0; l < o.n_layers; ++l) {
    const std::string index = std::to_string(l);
    blocks_.push_back(blocks->add(index, std::make_shared<TransolverBlock>(o, out_dim_, l + 1 == o.n_layers,
                                                                           "blocks." + index, reference)));
  }
  if (!ShapeOnly::active()) redraw(*this);
}

at::Tensor Transolver::forward(const at::Tensor& x) {
  check_field(x, input_, "transolver");
  const int64_t batch = x.size(0);
  at::Tensor f = preprocess_->forward(x.reshape({batch, -1, x.size(-1)}));
  if (Trace* trace = Trace::active()) trace->value("preprocess", f);
  f = add_to(std::move(f), placeholder_);
  for (const auto& block : blocks_)
    f = recompute([block, grid = grid_](const auto& in) { return block->forward(in[0], grid); }, {f});
  return f.view({batch, x.size(1), x.size(2), x.size(3), out_dim_});
}

WINDTUNNEL_REGISTER_BASELINE(Transolver, "transolver", true,
                             "attention among learned slices of the space-time points",
                             "Wu et al., Transolver, ICML 2024, arXiv 2402.02366");

}  // namespace windtunnel::baselines
