#include "tokenizers/physix/training.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "baselines/checkpoint.h"
#include "baselines/tensor_bridge.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "tokenizers/eval/losses.h"
#include "tokenizers/physix/physix.h"
#include "tokenizers/refinement/training.h"
#include "tokenizers/transformer/training.h"

namespace fs = std::filesystem;

namespace windtunnel::tokenizers {
namespace {

using baselines::PhaseSetting;
using baselines::SampleSource;

constexpr int64_t kEncodeBatch = 8;

/// Evenly spaced indices, all if there are no more than `count`.
std::vector<int64_t> spread(int64_t size, int64_t count) {
  const int64_t n = std::min(size, count);
  std::vector<int64_t> list;
  for (int64_t k = 0; k < n; ++k) list.push_back((2 * k + 1) * size / (2 * n));
  return list;
}

void hash(core::Sha256& sum, const torch::nn::Module& network) {
  for (const auto& [name, value] : module_state(network)) {
    const at::Tensor dense = baselines::flat(value);
    sum.update(name.data(), name.size());
    sum.update(dense.const_data_ptr(), dense.nbytes());
  }
}

/// Common to the phases: windows of samples.
class Phase : public PhysixTraining {
 protected:
  Phase(Physix& model, const PhaseSetting& setting) : model_(model), setting_(setting) {
    if (setting.train.size < 1) throw data_error("physix: no training samples", "at least one window");
    if (setting.validation.size < 1) throw data_error("physix: no validation samples", "at least one window");
  }

  void make_optimiser(const torch::nn::Module& network, StageOptions options, double updates, double rate) {
    options.updates = std::max<int64_t>(1, std::llround(static_cast<double>(setting_.updates) * updates));
    options.batch_size = setting_.batch_size;
    options.learning_rate = setting_.learning_rate * rate;
    options.seed = static_cast<int64_t>(setting_.seed);
    optimiser_ = std::make_unique<StageOptimiser>(trainable(network), options);
  }

  const PhysixOptions& options() const { return model_.options(); }
  int64_t window_frames() const { return options().window_frames(); }

  /// Frames start.. of one sample's video, (1,F,H,W,C); start < 0: the window whose context ends with the
  /// input.
  at::Tensor window(const SampleSource& source, int64_t index, int64_t start) const {
    const auto [x, y] = source.sample(index);
    const at::Tensor all = model_.video(x.unsqueeze(0), y.unsqueeze(0));
    const int64_t last = all.size(1) - window_frames();
    if (last < 0)
      throw data_error("physix: a sample of " + std::to_string(all.size(1)) + " frames",
                       "at least the " + std::to_string(window_frames()) + " of a window");
    if (start < 0) start = std::max<int64_t>(0, x.size(0) - options().context_frames());
    return all.narrow(1, std::min(start, last), window_frames());
  }
  int64_t starts(const SampleSource& source) const {
    const auto [x, y] = source.sample(0);
    return std::max<int64_t>(1, x.size(0) + y.size(0) - window_frames() + 1);
  }
  at::Tensor output(const at::Tensor& field) const {
    return field.narrow(4, 0, model_.context().output.channels);
  }
  /// VRMSE of the channels that count, (B,T,H,W,C) each.
  double vrmse(const at::Tensor& got, const at::Tensor& expected) const {
    return field_loss("vrmse", to_channels_first(model_.measured(got)),
                      to_channels_first(model_.measured(expected)))
        .item<double>();
  }

  /// Tensors in `file` if they were made with this key, otherwise those of `make`, which are kept there.
  StateDict cached(const std::string& file, const std::string& key, const std::function<StateDict()>& make) {
    const fs::path path = setting_.cache / file;
    if (fs::exists(path)) {
      auto weights = baselines::load_weights(path);
      if (weights.metadata["key"] == key) return weights.state;
    }
    const StateDict made = make();
    core::make_folder(setting_.cache);
    baselines::save_weights(path, made, {{"key", key}});
    return made;
  }
  static at::Tensor find(const StateDict& state, const std::string& name) {
    for (const auto& [key, value] : state)
      if (key == name) return value;
    throw data_error("no entry '" + name + "' in the cache", "a whole cache file", "delete the cache folder");
  }

  Physix& model_;
  PhaseSetting setting_;
};

class TokenizerPhase : public Phase {
 public:
  TokenizerPhase(Physix& model, const PhaseSetting& setting)
      : Phase(model, setting),
        order_({setting.train.size}, static_cast<int64_t>(setting.seed)),
        starts_(static_cast<uint64_t>(starts(setting.train))) {
    make_optimiser(*model.tokenizer, options().tokenizer_training, 1, 1);
  }

  double update() override {
    std::vector<at::Tensor> clips;
    for (int64_t b = 0; b < setting_.batch_size; ++b) {
      const int64_t position = optimiser_->done() * setting_.batch_size + b;
      const auto start = core::stream_seed(setting_.seed, "crop/" + std::to_string(position)) % starts_;
      clips.push_back(window(setting_.train, order_.at(position).index, static_cast<int64_t>(start)));
    }
    const at::Tensor clip = at::cat(clips, 0);
    model_.tokenizer->train();
    optimiser_->zero_grad();
    const at::Tensor loss = field_loss(
        options().tokenizer_loss, to_channels_first(model_.measured(model_.tokenizer->reconstruct(clip))),
        to_channels_first(model_.measured(output(clip))));
    const double value = loss.item<double>();
    loss.backward();
    optimiser_->update();
    return value;
  }

  std::map<std::string, double> validate() override {
    const at::NoGradGuard guard;
    model_.tokenizer->eval();
    std::vector<int64_t> counts(static_cast<size_t>(model_.tokenizer->quantiser().codebook_size()), 0);
    double error = 0, square = 0;
    const auto chosen = spread(setting_.validation.size, options().validation_samples);
    for (const int64_t index : chosen) {
      const at::Tensor clip = window(setting_.validation, index, -1);
      const at::Tensor tokens = model_.tokenizer->encode(clip).contiguous();
      const at::Tensor got = model_.tokenizer->decode(tokens);
      error += vrmse(got, output(clip));
      square += at::mse_loss(model_.measured(got), model_.measured(output(clip))).item<double>();
      const auto* values = tokens.const_data_ptr<int64_t>();
      for (int64_t i = 0; i < tokens.numel(); ++i) ++counts[static_cast<size_t>(values[i])];
    }
    const auto n = static_cast<double>(chosen.size());
    const CodebookUsage usage = codebook_usage(counts);
    return {{"selection", error / n},           {"reconstruction_vrmse", error / n},
            {"reconstruction_mse", square / n}, {"codes_used", static_cast<double>(usage.used)},
            {"codebook_share", usage.share()},  {"code_perplexity", usage.perplexity}};
  }

 private:
  BalancedOrder order_;
  uint64_t starts_;
};

class TransformerPhase : public Phase {
 public:
  TransformerPhase(Physix& model, const PhaseSetting& setting) : Phase(model, setting), order_({1}, 0) {
    core::Sha256 sum;
    hash(sum, *model.tokenizer);
    const std::string key = sum.hex() + "/" + std::to_string(options().token_windows) + "/" +
                            std::to_string(options().window_latents) + "/" +
                            std::to_string(setting.train.size) + "/" +
                            std::to_string(setting.validation.size);
    const StateDict tokens = cached("tokens.safetensors", key, [&] {
      return StateDict{
          {"train", encode(setting.train, setting.train.size, "encode training data")},
          {"validation", encode(setting.validation, options().validation_samples, "encode validation data")}};
    });
    train_ = find(tokens, "train").to(at::kLong);
    validation_ = find(tokens, "validation").to(at::kLong);
    order_ = BalancedOrder({train_.size(0)}, static_cast<int64_t>(setting.seed));
    make_optimiser(*model.transformer, options().transformer_training, options().transformer_updates,
                   options().transformer_rate);
  }

  double update() override {
    std::vector<int64_t> rows;
    for (int64_t b = 0; b < setting_.batch_size; ++b)
      rows.push_back(order_.at(optimiser_->done() * setting_.batch_size + b).index);
    model_.transformer->train();
    return transformer_update(*model_.transformer, *optimiser_,
                              {{at::index_select(train_, 0, at::tensor(rows)), model_.grid()}});
  }

  std::map<std::string, double> validate() override {
    model_.transformer->eval();
    double loss = 0;
    for (int64_t i = 0; i < validation_.size(0); i += kEncodeBatch) {
      const int64_t n = std::min(kEncodeBatch, validation_.size(0) - i);
      loss += static_cast<double>(n) *
              transformer_loss(*model_.transformer, {{validation_.narrow(0, i, n), model_.grid()}});
    }
    loss /= static_cast<double>(validation_.size(0));
    return {{"selection", loss}, {"token_loss", loss}, {"token_perplexity", std::exp(loss)}};
  }

 private:
  /// Tokens (n,N) int32 of evenly spaced windows of `count` samples.
  at::Tensor encode(const SampleSource& source, int64_t count, const std::string& label) {
    const at::NoGradGuard guard;
    model_.tokenizer->eval();
    const auto chosen = spread(source.size, count);
    const auto first = spread(starts(source), options().token_windows);
    core::Progress progress(label, static_cast<int64_t>(chosen.size()));
    std::vector<at::Tensor> clips, tokens;
    const auto flush = [&] {
      if (!clips.empty())
        tokens.push_back(model_.tokenizer->encode(at::cat(clips, 0)).flatten(1).to(at::kInt));
      clips.clear();
    };
    for (size_t k = 0; k < chosen.size(); ++k) {
      for (const int64_t start : first) clips.push_back(window(source, chosen[k], start));
      if (static_cast<int64_t>(clips.size()) >= kEncodeBatch) flush();
      progress.update(static_cast<int64_t>(k + 1));
      setting_.breathe();
    }
    flush();
    return at::cat(tokens, 0);
  }

  BalancedOrder order_;
  at::Tensor train_, validation_;
};

class RefinerPhase : public Phase {
 public:
  RefinerPhase(Physix& model, const PhaseSetting& setting) : Phase(model, setting), order_({1}, 0) {
    core::Sha256 sum;
    hash(sum, *model.tokenizer);
    hash(sum, *model.transformer);
    const std::string key = sum.hex() + "/" + std::to_string(options().refinement_windows) + "/" +
                            std::to_string(options().validation_samples) + "/" +
                            std::to_string(setting.train.size) + "/" + std::to_string(setting.seed);
    const StateDict windows = cached("windows.safetensors", key, [&] {
      StateDict made = generate(setting.train, options().refinement_windows, false, "train.");
      const StateDict held_out =
          generate(setting.validation, options().validation_samples, true, "validation.");
      made.insert(made.end(), held_out.begin(), held_out.end());
      return made;
    });
    truth_ = find(windows, "train.truth");
    decoded_ = find(windows, "train.decoded");
    validation_truth_ = find(windows, "validation.truth");
    validation_decoded_ = find(windows, "validation.decoded");
    earlier_ = options().context_frames() - kContextFrames;
    targets_ = window_frames() - options().context_frames();
    order_ = BalancedOrder({truth_.size(0) * targets_}, static_cast<int64_t>(setting.seed));
    make_optimiser(*model.refiner, options().refiner_training, options().refiner_updates,
                   options().refiner_rate);
  }

  double update() override {
    std::vector<at::Tensor> x, y;
    std::vector<int64_t> targets;
    for (int64_t b = 0; b < setting_.batch_size; ++b) {
      const int64_t item = order_.at(optimiser_->done() * setting_.batch_size + b).index;
      const at::Tensor truth = recent(truth_.narrow(0, item / targets_, 1));
      const at::Tensor decoded = recent(decoded_.narrow(0, item / targets_, 1));
      targets.push_back(kContextFrames + item % targets_);
      x.push_back(refinement_input(truth.narrow(2, 0, kContextFrames), decoded, targets.back()));
      y.push_back(truth.select(2, targets.back()));
    }
    model_.refiner->train();
    return refinement_update(*model_.refiner, *optimiser_,
                             {at::cat(x, 0), at::tensor(targets), at::cat(y, 0)}, loss());
  }

  std::map<std::string, double> validate() override {
    const at::NoGradGuard guard;
    model_.refiner->eval();
    const int64_t context = options().context_frames(), n = validation_truth_.size(0);
    double before = 0, after = 0;
    for (int64_t i = 0; i < n; ++i) {
      const at::Tensor truth = validation_truth_.narrow(0, i, 1),
                       decoded = validation_decoded_.narrow(0, i, 1);
      const at::Tensor refined = model_.refine(truth.narrow(2, 0, context), decoded);
      const auto generated = [&](const at::Tensor& v) {
        return to_channels_last(v.narrow(2, context, v.size(2) - context));
      };
      before += vrmse(generated(decoded), generated(truth));
      after += vrmse(generated(refined), generated(truth));
    }
    const auto count = static_cast<double>(n);
    return {
        {"selection", after / count}, {"vrmse_decoded", before / count}, {"vrmse_refined", after / count}};
  }

 private:
  at::Tensor recent(const at::Tensor& v) const { return v.narrow(2, earlier_, v.size(2) - earlier_); }
  /// Channels without a measurement are left out.
  RefinementLoss loss() const {
    RefinementLoss chosen{options().refiner_loss, {}};
    for (int64_t c = model_.measured_channels(); c < model_.context().output.channels; ++c)
      chosen.left_out.push_back(c);
    return chosen;
  }

  /// True windows and their generated continuations, (n,C,F,H,W) each; windows of training samples begin
  /// anywhere.
  StateDict generate(const SampleSource& source, int64_t count, bool held_out, const std::string& prefix) {
    const at::NoGradGuard guard;
    model_.tokenizer->eval();
    model_.transformer->eval();
    const auto chosen = spread(source.size, count);
    const auto range = static_cast<uint64_t>(starts(source));
    core::Progress progress("generate windows", static_cast<int64_t>(chosen.size()));
    SamplingOptions sampling = options().sampling;
    sampling.seed = static_cast<int64_t>(setting_.seed);
    std::vector<at::Tensor> truth, decoded;
    for (size_t k = 0; k < chosen.size(); ++k) {
      const int64_t start =
          held_out
              ? -1
              : static_cast<int64_t>(core::stream_seed(setting_.seed, "window/" + std::to_string(k)) % range);
      const at::Tensor clip = window(source, chosen[k], start);
      truth.push_back(to_channels_first(output(clip)));
      decoded.push_back(
          model_.window_after(clip.narrow(1, 0, options().context_frames()), sampling, k).decoded);
      progress.update(static_cast<int64_t>(k + 1));
      setting_.breathe();
    }
    return {{prefix + "truth", at::cat(truth, 0)}, {prefix + "decoded", at::cat(decoded, 0)}};
  }

  BalancedOrder order_;
  at::Tensor truth_, decoded_, validation_truth_, validation_decoded_;
  int64_t earlier_ = 0, targets_ = 1;
};

}  // namespace

std::unique_ptr<PhysixTraining> make_physix_training(Physix& model, const std::string& phase,
                                                     const PhaseSetting& setting) {
  if (phase == "tokenizer") return std::make_unique<TokenizerPhase>(model, setting);
  if (phase == "transformer") return std::make_unique<TransformerPhase>(model, setting);
  if (phase == "refiner" && model.refiner) return std::make_unique<RefinerPhase>(model, setting);
  throw usage_error("physix: unknown training phase '" + phase + "'", "tokenizer, transformer or refiner");
}

}  // namespace windtunnel::tokenizers
