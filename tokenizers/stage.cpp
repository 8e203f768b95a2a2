#include "tokenizers/stage.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/error.h"
#include "core/random.h"

namespace windtunnel::tokenizers {
namespace {

constexpr const char* kDone = "updates_done";
constexpr double kHoldShare = 0.4;

using Rate = double (*)(const Schedule&, int64_t);
const std::map<std::string, Rate> kSchedules = {
    {"from_start", [](const Schedule& s, int64_t k) { return s.from_start(k, s.floor); }},
    {"pretraining", [](const Schedule& s, int64_t k) { return s.pretraining(k); }},
    {"with_hold",
     [](const Schedule& s, int64_t k) {
       return s.with_hold(k, static_cast<int64_t>(std::llround(kHoldShare * static_cast<double>(s.steps))));
     }},
};

std::vector<std::string> schedule_names() {
  std::vector<std::string> names;
  for (const auto& [name, rate] : kSchedules) names.push_back(name);
  return names;
}

baselines::AdamSettings adam_settings(const StageOptions& o) {
  baselines::AdamSettings s;
  s.learning_rate = o.learning_rate;
  s.beta1 = o.beta1;
  s.beta2 = o.beta2;
  s.weight_decay = o.weight_decay;
  s.decay_vectors = o.decay_vectors;
  return s;
}

}  // namespace

void StageOptions::describe(core::OptionVisitor& v) {
  v("updates", updates, "parameter updates", core::kPositive);
  v("batch_size", batch_size, "samples per update", core::kPositive);
  v("learning_rate", learning_rate, "largest rate of the schedule", {0, 10});
  v("floor", floor, "rate at the end", {0, 10});
  v("warmup", warmup, "share of the updates in which the rate rises", {0, 1});
  v.choice("schedule", schedule, schedule_names(), "how the rate rises and falls");
  v("clip_grad_norm", clip_grad_norm, "largest norm of the gradients; 0 = no limit", core::kNotNegative);
  v("weight_decay", weight_decay, "decoupled decay", {0, 1});
  v("beta1", beta1, "decay of the gradients' average", {0, 1});
  v("beta2", beta2, "decay of the squared gradients' average", {0, 1});
  v("decay_vectors", decay_vectors, "decay norms and biases too");
  v("seed", seed, "of the initial weights and the order of samples", core::kNotNegative);
}

StageOptions StageOptions::transformer() {
  StageOptions o;
  o.floor = 1e-7;
  o.schedule = "pretraining";
  o.clip_grad_norm = 1;
  o.weight_decay = 0.01;
  o.beta2 = 0.999;
  o.decay_vectors = false;
  return o;
}

double StageOptions::rate(int64_t k) const {
  const Schedule s{learning_rate, floor, updates,
                   static_cast<int64_t>(std::llround(warmup * static_cast<double>(updates)))};
  return kSchedules.at(schedule)(s, k);
}

StageOptimiser::StageOptimiser(std::vector<at::Tensor> parameters, const StageOptions& options)
    : options_(options), adam_(std::move(parameters), adam_settings(options)) {}

double StageOptimiser::update() {
  const double norm = adam_.clip_gradients(options_.clip_grad_norm);
  if (!std::isfinite(norm))
    throw model_error("the gradients of update " + std::to_string(done_ + 1) + " are not finite",
                      "finite gradients", "lower the learning rate or clip_grad_norm");
  adam_.set_learning_rate(options_.rate(done_));
  adam_.step();
  ++done_;
  return norm;
}

StateDict StageOptimiser::state() const {
  StateDict entries = adam_.state();
  entries.emplace_back(kDone, at::tensor(std::vector<int64_t>{done_}, at::kLong));
  return entries;
}

void StageOptimiser::load_state(const StateDict& state, const std::string& origin) {
  const auto it =
      std::find_if(state.begin(), state.end(), [](const auto& entry) { return entry.first == kDone; });
  if (it == state.end())
    throw data_error(origin + ": no entry '" + kDone + "'", "the state of a training stage");
  adam_.load_state(state, origin);
  done_ = it->second.item<int64_t>();
}

BalancedOrder::BalancedOrder(std::vector<int64_t> sizes, int64_t seed)
    : sizes_(std::move(sizes)), seed_(seed) {
  if (sizes_.empty() || *std::min_element(sizes_.begin(), sizes_.end()) < 1)
    throw data_error("a data set without samples", "at least one sample in every data set");
  largest_ = *std::max_element(sizes_.begin(), sizes_.end());
}

int64_t BalancedOrder::epoch_length() const { return largest_ * static_cast<int64_t>(sizes_.size()); }

BalancedOrder::Place BalancedOrder::at(int64_t position) {
  const int64_t length = epoch_length(), epoch = position / length;
  if (epoch != epoch_) {
    order_.resize(static_cast<size_t>(length));
    std::iota(order_.begin(), order_.end(), int64_t{0});
    core::PythonRandom random((static_cast<uint64_t>(seed_) << 20) + static_cast<uint64_t>(epoch));
    random.shuffle(order_);
    epoch_ = epoch;
  }
  const int64_t place = order_[static_cast<size_t>(position % length)];
  const auto set = static_cast<size_t>(place / largest_);
  return {set, place % largest_ % sizes_[set]};
}

}  // namespace windtunnel::tokenizers
