#include "tokenizers/refinement/unet.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>

#include <array>
#include <cmath>

#include "baselines/trace.h"
#include "core/array.h"
#include "core/error.h"

namespace windtunnel::tokenizers {
namespace {

using baselines::Affine;
using baselines::Children;
using baselines::Convolution;
using baselines::Linear;
using baselines::Trace;

constexpr double kNormEpsilon = 1e-6;  // of the layer norm and of the norm over channels
constexpr double kFirstGamma = 1e-6;
// Target frames 5..12 become 0..3.
constexpr double kFirstTarget = 5, kTargetSpan = 7, kPositionSpan = 3;

void tell(const std::string& name, const at::Tensor& value) {
  if (Trace* trace = Trace::active()) trace->value(name, value);
}

std::shared_ptr<Convolution> convolution(int64_t in, int64_t out, int64_t kernel) {
  return std::make_shared<Convolution>(in, out, at::IntArrayRef{kernel, kernel});
}

at::Tensor same(const Convolution& c, const at::Tensor& x) {
  return at::conv2d(x, c.weight, c.bias, /*stride=*/1, /*padding=*/c.weight.size(-1) / 2);
}

}  // namespace

void RefinementOptions::describe(core::OptionVisitor& v) {
  v("dim_in", dim_in, "input channels: frames times fields", core::kPositive);
  v("dim_out", dim_out, "output channels: fields", core::kPositive);
  v("init_features", init_features, "width of the first stage; it doubles from stage to stage",
    core::kPositive);
  v("stages", stages, "halvings of the grid", {1, 16});
  v("blocks_per_stage", blocks_per_stage, "blocks of each stage, on the way down and up", core::kPositive);
  v("blocks_at_neck", blocks_at_neck, "blocks between down and up", core::kNotNegative);
  v("delta_t_project", delta_t_project, "tell the network which frame of the window it corrects");
  v("predict_delta", predict_delta, "predict the correction of the decoded frame instead of the frame");
  v.choice("kernels", kernels, {"auto", "fast", "reference"}, "form of the arithmetic; no effect on results");
}

RefinementOptions RefinementOptions::from_published(core::Json config, const std::string& origin) {
  if (config.value("n_spatial_dims", 2) != 2)
    throw model_error(origin + ": n_spatial_dims " + std::to_string(config.at("n_spatial_dims").get<int>()),
                      "2");
  config.erase("n_spatial_dims");
  config.erase("spatial_resolution");
  RefinementOptions options;
  options.delta_t_project = false;
  core::read_options(options, config, origin);
  return options;
}

ConvNextBlock::ConvNextBlock(int64_t width, bool reference_) : reference(reference_) {
  dwconv = register_module("dwconv", convolution(1, width, 7));
  norm = register_module("norm", std::make_shared<Affine>(width));
  pwconv1 = register_module("pwconv1", std::make_shared<Linear>(width, 4 * width));
  pwconv2 = register_module("pwconv2", std::make_shared<Linear>(4 * width, width));
  gamma = register_parameter("gamma", baselines::constant_values({width}, kFirstGamma));
}

at::Tensor ConvNextBlock::forward(const at::Tensor& x) const {
  const int64_t width = gamma.size(0);
  at::Tensor h = at::conv2d(x, dwconv->weight, dwconv->bias, /*stride=*/1, /*padding=*/3, /*dilation=*/1,
                            /*groups=*/width);
  h = at::layer_norm(h.permute({0, 2, 3, 1}), {width}, norm->weight, norm->bias, kNormEpsilon);
  h = at::gelu(pwconv1->forward(h));
  if (reference) return x + (gamma * pwconv2->forward(h)).permute({0, 3, 1, 2});
  // gamma goes into the weights: a pass over the field less, forward and backward.
  h = at::linear(h, gamma.unsqueeze(1) * pwconv2->weight, gamma * pwconv2->bias);
  return x + h.permute({0, 3, 1, 2});
}

Resample::Resample(int64_t in, int64_t out, bool up_) : up(up_) {
  const auto block = register_module("block", std::make_shared<Children>());
  const auto norm = block->add("0", std::make_shared<Children>());
  scale = norm->register_parameter("weight", baselines::constant_values({in, 1, 1}, 1));
  norm->register_parameter("bias", baselines::constant_values({in, 1, 1}, 0));
  const auto convolve = block->add("1", std::make_shared<Children>());
  const int64_t first = up ? in : out, second = up ? out : in;
  const double bound = 1 / std::sqrt(4.0 * static_cast<double>(second));
  kernel =
      convolve->register_parameter("weight", baselines::uniform_values({first, second, 2, 2}, -bound, bound));
  bias = convolve->register_parameter("bias", baselines::uniform_values({out}, -bound, bound));
}

at::Tensor Resample::forward(const at::Tensor& x) const {
  const at::Tensor length = at::linalg_vector_norm(x, 2, at::IntArrayRef{1}, /*keepdim=*/true);
  const at::Tensor h = x / length.clamp_min(kNormEpsilon) * scale;
  return up ? at::conv_transpose2d(h, kernel, bias, /*stride=*/2) : at::conv2d(h, kernel, bias, /*stride=*/2);
}

RefinementStage::RefinementStage(Kind kind, int64_t width, int64_t count, const std::string& name,
                                 bool reference)
    : path(name) {
  const auto list = register_module("blocks", std::make_shared<Children>());
  for (int64_t i = 0; i < count; ++i)
    blocks.push_back(list->add(std::to_string(i), std::make_shared<ConvNextBlock>(width, reference)));
  if (kind == Kind::neck) return;
  const bool up = kind != Kind::encoder;
  resample = register_module("resample", std::make_shared<Resample>(width, up ? width / 2 : 2 * width, up));
  if (kind == Kind::decoder_with_skip)
    skip_proj = register_module("skip_proj", convolution(2 * width, width, 1));
}

at::Tensor RefinementStage::forward(at::Tensor h, const at::Tensor& skip) const {
  if (skip_proj) h = same(*skip_proj, at::cat({h, skip}, 1));
  for (size_t i = 0; i < blocks.size(); ++i) {
    h = blocks[i]->forward(h);
    tell(path + ".blocks." + std::to_string(i), h);
  }
  if (resample) {
    h = resample->forward(h);
    tell(path + ".resample", h);
  }
  tell(path, h);
  return h;
}

RefinementUnet::RefinementUnet(const RefinementOptions& o) : options_(o) {
  if (o.predict_delta && o.dim_in % o.dim_out != 0)
    throw model_error("refinement: " + std::to_string(o.dim_in) + " input channels for " +
                          std::to_string(o.dim_out) + " fields",
                      "a multiple, to find the decoded frame among them");
  const int64_t f = o.init_features;
  const auto width = [&](int64_t stage) { return f << stage; };
  in_proj_ = register_module("in_proj", convolution(o.dim_in, f, 3));
  out_proj_ = register_module("out_proj", convolution(f, o.dim_out, 3));
  if (o.delta_t_project) {
    const auto project = register_module("start_idx_proj", std::make_shared<Children>());
    fc1_ = project->add("fc1", std::make_shared<Linear>(1, 2 * f));
    fc2_ = project->add("fc2", std::make_shared<Linear>(2 * f, f));
  }
  using Kind = RefinementStage::Kind;
  const auto encoder = register_module("encoder", std::make_shared<Children>());
  const auto decoder = register_module("decoder", std::make_shared<Children>());
  for (int64_t i = 0; i < o.stages; ++i) {
    const std::string index = std::to_string(i);
    encoder_.push_back(
        encoder->add(index, std::make_shared<RefinementStage>(Kind::encoder, width(i), o.blocks_per_stage,
                                                              "encoder." + index, o.reference())));
    decoder_.push_back(decoder->add(
        index, std::make_shared<RefinementStage>(i == 0 ? Kind::decoder : Kind::decoder_with_skip,
                                                 width(o.stages - i), o.blocks_per_stage, "decoder." + index,
                                                 o.reference())));
  }
  neck_ = register_module("neck", std::make_shared<RefinementStage>(Kind::neck, width(o.stages),
                                                                    o.blocks_at_neck, "neck", o.reference()));
}

void RefinementUnet::check(const at::Tensor& x, const at::Tensor& targets) const {
  const int64_t step = int64_t{1} << options_.stages;
  if (x.dim() != 4 || x.size(1) != options_.dim_in || x.size(2) % step != 0 || x.size(3) % step != 0)
    throw model_error(
        "refinement: input of shape " + core::to_string(x.sizes().vec()),
        "(B," + std::to_string(options_.dim_in) + ",H,W) with H and W multiples of " + std::to_string(step),
        "use fewer stages for a grid that is not divisible");
  if (fc1_ && (!targets.defined() || targets.numel() != x.size(0)))
    throw model_error("refinement: " + std::to_string(targets.defined() ? targets.numel() : 0) +
                          " target indices for " + std::to_string(x.size(0)) + " inputs",
                      "one per input");
}

at::Tensor RefinementUnet::position(const at::Tensor& targets) const {
  const at::Tensor s = (targets.to(at::kFloat).view({-1, 1}) - kFirstTarget) / kTargetSpan * kPositionSpan;
  return fc2_->forward(at::gelu(fc1_->forward(s)));
}

at::Tensor RefinementUnet::forward(const at::Tensor& input, const at::Tensor& targets) const {
  check(input, targets);
  const at::Tensor x = options_.reference() ? input : input.contiguous(at::MemoryFormat::ChannelsLast);
  at::Tensor h = same(*in_proj_, x);
  tell("in_proj", h);
  if (fc1_) {
    const at::Tensor p = position(targets);
    tell("start_idx_proj", p);
    h = h + p.unsqueeze(2).unsqueeze(3);
  }
  std::vector<at::Tensor> skips;
  for (const auto& stage : encoder_) {
    skips.push_back(h);
    h = stage->forward(h);
  }
  h = neck_->forward(h);
  for (size_t j = 0; j < decoder_.size(); ++j)
    h = decoder_[j]->forward(h, j == 0 ? at::Tensor() : skips[skips.size() - j]);
  h = same(*out_proj_, h);
  tell("out_proj", h);
  if (options_.predict_delta) {
    const int64_t frames = options_.dim_in / options_.dim_out;
    h = h + input.view({input.size(0), options_.dim_out, frames, input.size(2), input.size(3)})
                .select(2, frames - 1);
  }
  return h;
}

}  // namespace windtunnel::tokenizers
