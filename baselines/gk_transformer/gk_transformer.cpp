#include "baselines/gk_transformer/gk_transformer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include "baselines/check.h"
#include "baselines/gk_transformer/encoder_layer.h"
#include "baselines/gk_transformer/regressor.h"
#include "baselines/recompute.h"
#include "baselines/trace.h"
#include "core/error.h"

namespace windtunnel::baselines {
namespace {

constexpr double kPublishedAttentionDropout = 0.5;

bool is_complex_weight(const std::string& name) { return name.find(".weights") != std::string::npos; }

void check(const ModelContext& context, const GkTransformerOptions& o) {
  if (o.n_hidden % o.n_head != 0)
    throw model_error("gk_transformer: n_hidden " + std::to_string(o.n_hidden) +
                          " is not a multiple of n_head " + std::to_string(o.n_head),
                      "heads of equal width");
  const auto limit = [](const char* key, int64_t modes, int64_t most, const char* axis) {
    if (modes > most)
      throw model_error(std::string("gk_transformer: ") + key + " is " + std::to_string(modes),
                        "at most " + std::to_string(most) + " for this " + axis, "reduce the kept modes");
  };
  const SampleShape& in = context.input;
  limit("fourier_modes_t", o.fourier_modes_t, in.frames + kRegressorPadding, "number of frames");
  limit("fourier_modes_x", o.fourier_modes_x, in.height + kRegressorPadding, "height");
  limit("fourier_modes_y", o.fourier_modes_y, (in.width + kRegressorPadding) / 2 + 1, "width");
}

}  // namespace

void GkTransformerOptions::describe(core::OptionVisitor& v) {
  v("n_hidden", n_hidden, "features per point in the encoder", core::kPositive);
  v("n_head", n_head, "attention heads", core::kPositive);
  v("num_encoder_layers", num_encoder_layers, "encoder layers", core::kPositive);
  v("dim_feedforward", dim_feedforward, "hidden width of the encoder's MLP", core::kPositive);
  v("pos_dim", pos_dim, "sizes a layer of the published state that nothing reads", core::kNotNegative);
  v("norm_eps", norm_eps, "added to the variance in the norms of K and V", core::kNotNegative);
  v("xavier_init", xavier_init, "scale of the initial Q, K, V weights", core::kNotNegative);
  v("diagonal_weight", diagonal_weight, "added to their diagonal");
  v("encoder_dropout", encoder_dropout, "on attention and MLP results, in training", {0, 0.999});
  v("ffn_dropout", ffn_dropout, "on the hidden layer of the MLP, in training", {0, 0.999});
  v("freq_dim", freq_dim, "channels of the regressor", core::kPositive);
  v("num_regressor_layers", num_regressor_layers, "Fourier layers of the regressor", core::kPositive);
  v("fourier_modes_t", fourier_modes_t, "modes kept per corner along time", core::kPositive);
  v("fourier_modes_x", fourier_modes_x, "modes kept per corner along H", core::kPositive);
  v("fourier_modes_y", fourier_modes_y, "modes kept along W (half axis)", core::kPositive);
  v.choice("regressor_activation", regressor_activation, {"silu", "relu"}, "in the regressor's head");
  v.choice(
      "kernels", kernels, {"auto", "fast", "reference"},
      "merged attention and truncated matrix transforms (fast) or the textbook form; no effect on results");
}

core::Json GkTransformerOptions::from_published(core::Json config) {
  static const std::pair<const char*, core::Json> kFixed[] = {
      {"attention_type", "galerkin"}, {"decoder_type", "ifft2"}, {"spacial_dim", 3},
      {"spacial_fc", true},           {"layer_norm", false},     {"attn_norm", true},
      {"batch_norm", false},          {"symmetric_init", false}, {"return_attn_weight", false},
      {"return_latent", false},
  };
  for (const auto& [key, value] : kFixed) {
    if (config.contains(key) && config.at(key) != value)
      throw usage_error("gk_transformer: '" + std::string(key) + "' is " + config.at(key).dump(),
                        value.dump(), "other architectures of the published program are not offered");
    config.erase(key);
  }
  for (const char* key :
       {"num_feat_layers", "feat_extract_type", "upsample_mode", "downsample_mode", "boundary_condition",
        "downscaler_activation", "upscaler_activation", "last_activation", "dropout", "downscaler_dropout",
        "upscaler_dropout", "decoder_dropout", "debug"})
    config.erase(key);
  if (config.contains("regressor_activation")) {
    const core::Json& name = config.at("regressor_activation");
    config["regressor_activation"] = name.is_null() || name == "silu" ? "silu" : "relu";
  }
  return config;
}

GkTransformer::GkTransformer(const ModelContext& context, const GkTransformerOptions& o)
    : input_(context.input),
      output_(context.output),
      published_(context.compat == "published"),
      encoder_dropout_(o.encoder_dropout) {
  const int64_t ratio = frame_ratio(context, "gk_transformer");
  check(context, o);
  const auto downscaler = register_module("downscaler", std::make_shared<Children>());
  lift_ = downscaler->add("id", std::make_shared<Linear>(input_.channels, o.n_hidden));
  const auto layers = register_module("encoder_layers", std::make_shared<Children>());
  for (int64_t l = 0; l < o.num_encoder_layers; ++l) {
    const std::string index = std::to_string(l);
    layers_.push_back(
        layers->add(index, std::make_shared<GalerkinEncoderLayer>(o, "encoder_layers." + index)));
    if (!published_ || l == 0 || ShapeOnly::active()) continue;
    at::NoGradGuard guard;  // the published program copies its first layer
    const auto source = layers_[0]->named_parameters();
    for (auto& item : layers_.back()->named_parameters()) item.value().copy_(source[item.key()]);
  }
  regressor_ =
      register_module("regressor", std::make_shared<SpectralRegressor>(o, context.output.channels * ratio));
}

AttentionDropout GkTransformer::attention_dropout() const {
  if (published_) return {kPublishedAttentionDropout, is_training() ? std::nullopt : generator_};
  return {is_training() ? encoder_dropout_ : 0.0, std::nullopt};
}

at::Tensor GkTransformer::forward(const at::Tensor& field) {
  check_field(field, input_, "gk_transformer");
  const int64_t batch = field.size(0), frames = field.size(1), height = field.size(2), width = field.size(3);
  at::Tensor x = lift_->forward(field);
  if (Trace* trace = Trace::active()) trace->value("downscaler", x);
  const int64_t features = x.size(4);
  x = x.view({batch, -1, features});
  for (const auto& layer : layers_)
    x = recompute([layer, drop = attention_dropout()](const auto& in) { return layer->forward(in[0], drop); },
                  {x});
  x = regressor_->forward(x.view({batch, frames, height, width, features}));
  return x.view({batch, frames, height, width, output_.channels, -1})
      .permute({0, 1, 5, 2, 3, 4})
      .reshape({batch, -1, height, width, output_.channels});
}

bool GkTransformer::seed_prediction(uint64_t seed) {
  if (!published_) return false;
  generator_ = at::detail::createCPUGenerator(seed);
  return true;
}

at::Tensor GkTransformer::to_published(const std::string& name, const at::Tensor& internal) const {
  return is_complex_weight(name) ? CornerSpectralConv::to_published(internal) : internal;
}

at::Tensor GkTransformer::from_published(const std::string& name, const at::Tensor& published) const {
  return is_complex_weight(name) ? CornerSpectralConv::from_published(published) : published;
}

std::vector<std::string> GkTransformer::zero_gradient_parameters() const {
  std::vector<std::string> names;
  for (size_t l = 0; l < layers_.size(); ++l)
    for (const char* part : {".attn.fc.weight", ".attn.fc.bias"})
      names.push_back("encoder_layers." + std::to_string(l) + part);
  // Batch normalisation takes the mean away in training.
  for (const auto& item : named_parameters())
    if (item.key().rfind("regressor.convs.", 0) == 0 && item.key().ends_with(".bias"))
      names.push_back(item.key());
  return names;
}

WINDTUNNEL_REGISTER_BASELINE(
    GkTransformer, "gk_transformer", true,
    "Galerkin transformer: softmax-free attention and a Fourier regressor",
    "Cao, Choose a Transformer: Fourier or Galerkin, NeurIPS 2021, arXiv 2105.14995");

}  // namespace windtunnel::baselines
