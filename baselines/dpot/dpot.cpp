#include "baselines/dpot/dpot.h"

#include <ATen/ops/cat.h>

#include "baselines/check.h"
#include "baselines/checkpoint.h"
#include "baselines/dpot/network.h"
#include "core/error.h"

namespace windtunnel::baselines {
namespace {

constexpr int64_t kFewestChannels = 4;
const std::string kPrefix = "dpot_model.";

std::string text(int64_t n) { return std::to_string(n); }

int64_t given_or(int64_t option, int64_t derived) { return option > 0 ? option : derived; }

void require(const char* key, int64_t option, int64_t expected, const char* what) {
  if (option > 0 && option != expected)
    throw model_error(std::string("dpot: ") + key + " is " + text(option), text(expected) + " (" + what + ")",
                      "leave the option out to take it from the data");
}

DpotSizes checked_sizes(const ModelContext& context, const DpotOptions& o) {
  const SampleShape &in = context.input, &out = context.output;
  if (o.img_size % o.patch_size != 0)
    throw model_error("dpot: img_size " + text(o.img_size) + " with patch_size " + text(o.patch_size),
                      "img_size a multiple of patch_size");
  if (o.embed_dim % 8 != 0 || o.embed_dim % o.n_blocks != 0)
    throw model_error("dpot: embed_dim " + text(o.embed_dim) + " with n_blocks " + text(o.n_blocks),
                      "embed_dim a multiple of 8 and of n_blocks");
  if (in.height < 2 || in.width < 2)
    throw model_error("dpot: the field has " + text(in.height) + " x " + text(in.width) + " points",
                      "at least 2 x 2");
  if (out.height != in.height || out.width != in.width)
    throw model_error("dpot: input and output grids differ", "the same H and W");
  require("in_timesteps", o.in_timesteps, in.frames, "input frames");
  require("in_channels", o.in_channels, std::max(in.channels, kFewestChannels), "input channels, at least 4");
  const int64_t out_channels = given_or(o.out_channels, std::max(out.channels, kFewestChannels));
  if (out_channels < out.channels || (out.channels > kFewestChannels && out_channels != out.channels))
    throw model_error(
        "dpot: out_channels is " + text(out_channels),
        "at least the " + text(out.channels) + " channels of the target, exactly those if more than 4");
  const int64_t frames = given_or(o.out_timesteps, out.frames);
  if (frames > out.frames)
    throw model_error("dpot: out_timesteps is " + text(frames),
                      "at most the " + text(out.frames) + " target frames");
  if (frames < out.frames && out.channels != in.channels)
    throw model_error(
        "dpot: predictions of " + text(out.channels) + " channels cannot be fed back as " + text(in.channels),
        "out_timesteps equal to the " + text(out.frames) + " target frames");
  if (const int64_t rest = out.frames % frames; rest != 0 && rest < frames / 2)
    throw model_error("dpot: windows of " + text(frames) + " frames leave " + text(rest) + " of " +
                          text(out.frames) + " target frames without a prediction",
                      "out_timesteps that divides the target frames");
  return {o.img_size,
          o.patch_size,
          o.img_size / o.patch_size,
          in.channels,
          std::max(in.channels, kFewestChannels),
          in.frames,
          out_channels * o.patch_size + 3};
}

StateDict with_prefix(const StateDict& state) {
  std::string found;
  for (const char* prefix : {"dpot_model.", "module."})
    for (const auto& [name, value] : state)
      if (found.empty() && name.rfind(prefix, 0) == 0) found = prefix;
  StateDict renamed;
  for (const auto& [name, value] : state)
    renamed.emplace_back(
        kPrefix + (!found.empty() && name.rfind(found, 0) == 0 ? name.substr(found.size()) : name), value);
  return renamed;
}

bool is_unpatch(const std::string& name) { return name == kPrefix + "out_layer.0.weight"; }

}  // namespace

void DpotOptions::describe(core::OptionVisitor& v) {
  v("img_size", img_size, "side of the square grid the network works on", core::kPositive);
  v("patch_size", patch_size, "side of a patch", core::kPositive);
  v("in_channels", in_channels, "0 = the data's, at least 4", core::kNotNegative);
  v("out_channels", out_channels, "0 = the target's, at least 4", core::kNotNegative);
  v("in_timesteps", in_timesteps, "0 = the input's frames", core::kNotNegative);
  v("out_timesteps", out_timesteps, "frames per window; 0 = all target frames at once", core::kNotNegative);
  v("embed_dim", embed_dim, "features per patch, a multiple of 8 and of n_blocks", core::kPositive);
  v("depth", depth, "blocks", core::kPositive);
  v("n_blocks", n_blocks, "channel blocks of the Fourier mixing", core::kPositive);
  v("modes", modes, "frequencies kept per axis", core::kPositive);
  v("mlp_ratio", mlp_ratio, "hidden width of the MLP / embed_dim", core::kPositive);
  v("out_layer_dim", out_layer_dim, "channels of the output stage", core::kPositive);
  v("n_cls", n_cls, "classes of the published head, which nothing reads", core::kPositive);
  v.choice("act", act, Activation::names(), "activation everywhere");
  v.choice("time_agg", time_agg, {"exp_mlp", "mlp"}, "time aggregation with or without the cosine factor");
  v("backbone", backbone, "file of pretrained weights, loaded where names and shapes fit; empty: none");
  v.choice(
      "kernels", kernels, {"auto", "fast", "reference"},
      "merged patch embedding and matrix transforms (fast) or convolutions and FFT; no effect on results");
}

core::Json DpotOptions::from_published(core::Json config) {
  const std::pair<const char*, core::Json> fixed[] = {{"model_type", "dpot"}, {"normalize", false}};
  for (const auto& [key, value] : fixed) {
    if (config.contains(key) && config.at(key) != value)
      throw usage_error("dpot: '" + std::string(key) + "' is " + config.at(key).dump(), value.dump(),
                        "other variants of the published program are not offered");
    config.erase(key);
  }
  if (config.contains("checkpoint_path")) {
    config["backbone"] = config.at("checkpoint_path");
    config.erase("checkpoint_path");
  }
  return config;
}

Dpot::Dpot(const ModelContext& context, const DpotOptions& o)
    : input_(context.input),
      output_(context.output),
      in_frames_(context.input.frames),
      out_frames_(given_or(o.out_timesteps, context.output.frames)),
      published_(context.compat == "published"),
      enlarge_(input_.height, input_.width, o.img_size, o.img_size, published_, o.kernels == "reference"),
      reduce_(o.img_size, o.img_size, input_.height, input_.width, published_, o.kernels == "reference") {
  const DpotSizes sizes = checked_sizes(context, o);
  const int64_t out_channels = given_or(o.out_channels, std::max(output_.channels, kFewestChannels));
  network_ = register_module(
      "dpot_model", std::make_shared<DpotNetwork>(sizes, o, out_channels, out_frames_, output_.channels));
  if (!o.backbone.empty() && !ShapeOnly::active()) load_backbone(load_weights(o.backbone).state, o.backbone);
}

at::Tensor Dpot::window(const at::Tensor& x) const {
  const int64_t batch = x.size(0), side = network_->side();
  at::Tensor field = enlarge_(x.reshape({batch * in_frames_, input_.height, input_.width, input_.channels}));
  field = network_->forward(field.reshape({batch, in_frames_, side, side, input_.channels}));
  return reduce_(field.reshape({batch * out_frames_, side, side, output_.channels}))
      .reshape({batch, out_frames_, input_.height, input_.width, output_.channels});
}

at::Tensor Dpot::forward(const at::Tensor& x) {
  check_field(x, input_, "dpot");
  if (out_frames_ == output_.frames) return window(x);
  at::Tensor current = x;
  std::vector<at::Tensor> parts;
  for (int64_t t = 0; t < output_.frames; t += out_frames_) {
    const at::Tensor y = window(current.narrow(1, current.size(1) - in_frames_, in_frames_));
    parts.push_back(y.narrow(1, 0, std::min(out_frames_, output_.frames - t)));
    current = at::cat({current, y}, 1);
  }
  return at::cat(parts, 1);
}

at::Tensor Dpot::to_published(const std::string& name, const at::Tensor& internal) const {
  return is_unpatch(name) ? internal.permute({0, 3, 1, 2}) : internal;
}

at::Tensor Dpot::from_published(const std::string& name, const at::Tensor& published) const {
  return is_unpatch(name) ? published.permute({0, 2, 3, 1}) : published;
}

void Dpot::load_state(const StateDict& state, const std::string& origin) {
  if (published_)
    load_backbone(state, origin);
  else
    Baseline::load_state(state, origin);
}

MatchReport Dpot::load_backbone(const StateDict& state, const std::string& origin) {
  return load_matching(*this, with_prefix(state), origin);
}

std::vector<std::string> Dpot::zero_gradient_parameters() const {
  std::vector<std::string> names;
  for (const auto& item : named_parameters())
    if (item.key().rfind(kPrefix + "cls_head.", 0) == 0) names.push_back(item.key());
  return names;
}

namespace {

template <class SizeOptions>
BaselineInfo dpot_info(const char* name, const char* size) {
  return {name,
          std::string("patch transformer with Fourier mixing and time aggregation, ") + size,
          "Hao et al., DPOT, ICML 2024, arXiv 2403.03542",
          "built in",
          true,
          [] { return std::make_unique<SizeOptions>(); },
          [](const ModelContext& context, const core::Options& options) -> std::shared_ptr<Baseline> {
            return std::make_shared<Dpot>(context, dynamic_cast<const DpotOptions&>(options));
          }};
}

const Registration small{dpot_info<DpotSmallOptions>("dpot_s", "small")};
const Registration large{dpot_info<DpotLargeOptions>("dpot_l", "large")};

}  // namespace

}  // namespace windtunnel::baselines
