#include "baselines/cno/cno.h"

#include <ATen/ops/cat.h>

#include "baselines/check.h"
#include "baselines/recompute.h"
#include "core/error.h"

namespace windtunnel::baselines {
namespace {

/// Channels of each level: half the multiplier, then multiplier * 2^(i-1).
std::vector<int64_t> level_channels(const CnoOptions& o) {
  std::vector<int64_t> channels{o.channel_multiplier / 2};
  for (int64_t i = 1; i <= o.N_layers; ++i) channels.push_back(o.channel_multiplier << (i - 1));
  return channels;
}

bool reads_time_as_channels(const ModelContext& context, int64_t ratio) {
  const SampleShape& in = context.input;
  if (context.compat != "published" || in.channels < in.frames) return false;
  if (in.channels == in.frames && context.output.channels == in.channels && ratio == 1) return true;
  throw model_error("cno: " + std::to_string(in.channels) + " input channels for " +
                        std::to_string(in.frames) + " frames cannot run in the published form",
                    "fewer channels than frames", "choose compat corrected or a longer input window");
}

std::string number(size_t i) { return std::to_string(i); }

/// v and the expanded skip connection side by side, (B,C+C',X,Y,Z).
at::Tensor joined(const at::Tensor& v, const at::Tensor& skip,
                  const std::shared_ptr<cno::ConvolutionBlock>& expansion) {
  return at::cat({v, recompute(expansion, skip)}, 1);
}

}  // namespace

void CnoOptions::describe(core::OptionVisitor& v) {
  v("N_layers", N_layers, "levels of encoder and decoder", {1, 16});
  v("N_res", N_res, "residual blocks on each level's skip connection", core::kNotNegative);
  v("N_res_neck", N_res_neck, "residual blocks between encoder and decoder", core::kNotNegative);
  v("channel_multiplier", channel_multiplier,
    "channels of level 1, doubled per level; level 0 has half of them", {2, 4096});
  v("latent_lift_proj_dim", latent_lift_proj_dim,
    "channels between the two convolutions of lift and projection", core::kPositive);
}

core::Json CnoOptions::from_published(const core::Json& config) {
  CnoOptions defaults;
  core::Json options = core::Json::object();
  for (const auto& option : core::list_options(defaults))
    if (config.contains(option.key) && config.at(option.key).is_number_integer())
      options[option.key] = config.at(option.key);
  return options;
}

Cno::Cno(const ModelContext& context, const CnoOptions& o)
    : input_(context.input),
      output_(context.output),
      layers_(o.N_layers),
      residuals_(o.N_res),
      neck_(o.N_res_neck),
      ratio_(frame_ratio(context, "cno")),
      published_(context.compat == "published"),
      time_as_channels_(reads_time_as_channels(context, ratio_)) {
  const std::vector<int64_t> level = level_channels(o);
  const auto n = static_cast<size_t>(layers_);
  // Registration and construction follow the published order: it fixes state order and initial values.
  lift_ = register_module(
      "lift", std::make_shared<cno::Projection>(input_.channels, o.latent_lift_proj_dim, level[0]));
  project_ = register_module("project", std::make_shared<cno::Projection>(
                                            2 * level[0], o.latent_lift_proj_dim, output_.channels * ratio_));
  const auto block = [](Children& list, std::vector<std::shared_ptr<cno::ConvolutionBlock>>& blocks,
                        int64_t in, int64_t out) {
    blocks.push_back(list.add(number(blocks.size()), std::make_shared<cno::ConvolutionBlock>(in, out)));
  };
  const auto decoder_in = [&](size_t i) { return i == 0 ? level[n] : 2 * level[n - i]; };

  const auto encoder = register_module("encoder", std::make_shared<Children>());
  for (size_t i = 0; i < n; ++i) block(*encoder, encoder_, level[i], level[i + 1]);
  const auto expansion = register_module("ED_expansion", std::make_shared<Children>());
  for (size_t i = 0; i <= n; ++i) block(*expansion, expansion_, level[i], level[i]);
  const auto decoder = register_module("decoder", std::make_shared<Children>());
  for (size_t i = 0; i < n; ++i) block(*decoder, decoder_, decoder_in(i), level[n - 1 - i]);
  const auto inverse = register_module("decoder_inv", std::make_shared<Children>());
  for (size_t i = 0; i <= n; ++i) block(*inverse, decoder_inv_, decoder_in(i), decoder_in(i));
  const auto res_nets = register_module("res_nets", std::make_shared<Children>());
  for (int64_t i = 0; i < layers_ * residuals_ + neck_; ++i) {
    const int64_t channels = i < layers_ * residuals_ ? level[static_cast<size_t>(i / residuals_)] : level[n];
    res_nets_.push_back(res_nets->add(std::to_string(i), std::make_shared<cno::ResidualBlock>(channels)));
  }
}

at::Tensor Cno::network(at::Tensor v) {
  const auto n = static_cast<size_t>(layers_), per_level = static_cast<size_t>(residuals_);
  std::vector<at::Tensor> skips;
  v = recompute(lift_, v);
  for (size_t i = 0; i < n; ++i) {
    at::Tensor skip = v;
    for (size_t j = 0; j < per_level; ++j) skip = recompute(res_nets_[i * per_level + j], skip);
    skips.push_back(skip);
    v = recompute(encoder_[i], v);
  }
  for (size_t j = res_nets_.size(); j-- > n * per_level;) v = recompute(res_nets_[j], v);
  for (size_t i = 0; i < n; ++i) {
    v = i == 0 ? recompute(expansion_[n], v) : joined(v, skips[n - i], expansion_[n - i]);
    v = recompute(decoder_[i], recompute(decoder_inv_[i], v));
  }
  return recompute(project_, joined(v, skips[0], expansion_[0]));
}

at::Tensor Cno::forward(const at::Tensor& x) {
  check_field(x, input_, "cno");
  if (time_as_channels_) return network(x);
  // A dense (B,T,H,W,C) field is the channels-last form of (B,C,T,H,W): no copy on either side.
  const at::Tensor y = network(x.permute({0, 4, 1, 2, 3})).permute({0, 2, 3, 4, 1});
  if (ratio_ == 1) return y;
  const int64_t batch = x.size(0), frames = input_.frames, height = input_.height, width = input_.width;
  if (published_) return y.reshape({batch, frames * ratio_, height, width, output_.channels});
  return y.reshape({batch, frames, height, width, output_.channels, ratio_})
      .permute({0, 1, 5, 2, 3, 4})
      .reshape({batch, frames * ratio_, height, width, output_.channels});
}

std::vector<std::string> Cno::zero_gradient_parameters() const {
  std::vector<std::string> names;
  const std::string unused = "decoder_inv." + std::to_string(layers_) + ".";
  for (const auto& item : named_parameters()) {
    const std::string& name = item.key();
    const bool normalised = name.starts_with("encoder.") || name.starts_with("ED_expansion.") ||
                            name.starts_with("decoder") || name.starts_with("res_nets.");
    const bool shift = name.ends_with(".convolution.bias") || name.ends_with(".convolution1.bias") ||
                       name.ends_with(".convolution2.bias");
    // A batch mean takes away any constant that the convolution before it adds.
    if (name.starts_with(unused) || (normalised && shift)) names.push_back(name);
  }
  return names;
}

WINDTUNNEL_REGISTER_BASELINE(
    Cno, "cno", true, "convolutional neural operator, full resolution on every level",
    "Raonic et al., Convolutional Neural Operators for robust and accurate learning of PDEs, "
    "NeurIPS 2023, arXiv 2302.01178");

}  // namespace windtunnel::baselines
