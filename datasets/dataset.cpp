#include "datasets/dataset.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/log.h"
#include "core/sha256.h"
#include "datasets/normalizer.h"
#include "datasets/stages.h"

namespace windtunnel::datasets {

namespace {
constexpr uint64_t kSplitSeed = 0;  // every training seed sees the same split

/// Reproducible starts of long rollouts: subset first keeps each trajectory's earliest window, first_last
/// also the latest.
void keep_starts(std::vector<WindowRef>& windows, const std::string& subset) {
  const bool last = subset == "first_last";
  if (subset != "first" && !last) return;
  std::map<std::string, std::pair<int64_t, int64_t>> ends;
  for (const auto& w : windows) {
    auto& [low, high] = ends.try_emplace(w.trajectory, w.time, w.time).first->second;
    low = std::min(low, w.time);
    high = std::max(high, w.time);
  }
  std::erase_if(windows, [&](const WindowRef& w) {
    const auto& [low, high] = ends.at(w.trajectory);
    return w.time != low && !(last && w.time == high);
  });
}
}  // namespace

WindowDataset::WindowDataset(Scenario scenario, std::filesystem::path root, WindowOptions options)
    : scenario_(std::move(scenario)), root_(std::move(root)), options_(std::move(options)) {
  mask_prob_ = options_.mask_prob.value_or(scenario_.mask_prob);
  if (options_.rounds < 1)
    throw usage_error(std::to_string(options_.rounds) + " rounds of prediction", "at least 1");
  if (!(mask_prob_ >= 0 && mask_prob_ <= 1))
    throw usage_error("mask probability is " + std::to_string(mask_prob_), "a number from 0 to 1");
  if (options_.protocol != "published" && options_.protocol != "corrected")
    throw usage_error("unknown protocol '" + options_.protocol + "'", "published or corrected");
  check_subset(options_.subset);
  check_noise(options_.noise);
  shown_ = channels(false);
  hidden_ = channels(true);
  store_ = open_trajectories(scenario_, root_, options_.side, &format_);
  choose_windows();

  const auto ids = store_->ids();
  const std::set<std::string> present(ids.begin(), ids.end());
  for (const auto& window : windows_) {
    if (window.time < 0)
      throw data_error("the " + options_.mode + " split has a window of " + window.trajectory + " at frame " +
                           std::to_string(window.time),
                       "frames from 0", "the index is damaged: " + split_.origin);
    if (!present.count(window.trajectory))
      throw data_error("the " + options_.mode + " split names trajectory '" + window.trajectory +
                           "', which is not in " + scenario_.folder(root_, to_string(options_.side)).string(),
                       "a file for every trajectory of the index", "index: " + split_.origin);
    if (!parameters_.count(window.trajectory))
      parameters_[window.trajectory] =
          scenario_.parameters_in_files()
              ? trajectory(window.trajectory)->parameters()
              : scenario_.parse_name(window.trajectory, options_.side).value_or(std::vector<double>());
  }
  const auto first = trajectory(windows_.empty() ? ids.front() : windows_.front().trajectory);
  const int64_t stride = scenario_.side_stride(options_.side);
  height_ = (first->height() + stride - 1) / stride;
  width_ = (first->width() + stride - 1) / stride;
}

void WindowDataset::choose_windows() {
  const bool corrected = options_.protocol == "corrected";
  const int64_t window = scenario_.in_frames + scenario_.out_frames;
  const int64_t horizon = scenario_.in_frames + scenario_.out_frames * options_.rounds;
  const bool stored = has_split(scenario_, root_, options_.side);
  if (auto own = stored ? std::nullopt : store_->own_split(options_.protocol)) {
    split_ = std::move(*own);
  } else if (corrected && !stored) {
    split_ = leak_free_split(scenario_, list_trajectories(scenario_, root_, options_.side), options_.side,
                             kSplitSeed);
  } else {
    split_ = load_split(scenario_, root_, options_.side);
    if (corrected) {
      Split clean = without_leaks(split_, window, options_.side == Side::numerical);
      const size_t dropped = split_.train.size() - clean.train.size();
      if (dropped && options_.mode == "train")
        core::log_info(std::string(to_string(options_.side)) +
                       " training windows that share frames with validation or "
                       "test windows are left out: " +
                       std::to_string(dropped) + " of " + std::to_string(split_.train.size()));
      split_ = std::move(clean);
    }
  }
  windows_ = split_.windows(options_.mode);
  const bool judged = options_.mode != "train";
  if (judged && options_.subset != "all") {
    if (!split_.missing_group.empty())
      throw data_error(split_.missing_group + " does not exist", "the file that names the group",
                       "subset '" + options_.subset + "' needs it; 'all' does not");
    std::erase_if(windows_,
                  [&](const WindowRef& w) { return !in_subset(split_, w.trajectory, options_.subset); });
  }
  if (options_.rounds > 1 && (judged || corrected)) {
    const int64_t last = scenario_.frames - horizon - (corrected ? 0 : 1);
    std::erase_if(windows_, [&](const WindowRef& w) { return w.time > last; });
  }
  if (options_.mode == "test") keep_starts(windows_, options_.subset);
  if (const int64_t n = size(), kept = options_.at_most; kept > 0 && kept < n) {
    std::vector<WindowRef> spaced;
    for (int64_t k = 0; k < kept; ++k) spaced.push_back(this->window((2 * k + 1) * n / (2 * kept)));
    windows_ = std::move(spaced);
  }
}

std::vector<ChannelSource> WindowDataset::channels(bool hidden) const {
  std::vector<ChannelSource> list;
  hidden = hidden && scenario_.has_side(Side::real);  // hiding stands for what a measurement lacks
  for (int64_t i = 0; i < scenario_.channels(); ++i) {
    const FieldInfo& field = scenario_.fields[static_cast<size_t>(i)];
    list.push_back({field.on(options_.side) && (!hidden || field.measured) ? i : -1});
  }
  return list;
}

std::string WindowDataset::sample_id(int64_t index) const {
  const WindowRef& w = window(index);
  return scenario_.name + "/" + to_string(options_.side) + "/" + w.trajectory + "@" + std::to_string(w.time);
}

core::Shape WindowDataset::input_shape() const {
  return {scenario_.in_frames, height_, width_, scenario_.input_channels()};
}

core::Shape WindowDataset::target_shape() const {
  return {scenario_.out_frames * options_.rounds, height_, width_, scenario_.channels()};
}

int64_t WindowDataset::sample_bytes() const {
  return (core::numel(input_shape()) + core::numel(target_shape())) * static_cast<int64_t>(sizeof(float));
}

std::shared_ptr<const Trajectory> WindowDataset::trajectory(const std::string& id) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = open_.find(id); it != open_.end()) return it->second;
  }
  auto opened = store_->open(id);  // may be slow: other threads go on
  const std::lock_guard lock(mutex_);
  return open_.emplace(id, std::move(opened)).first->second;
}

WindowDataset::Plan WindowDataset::plan(int64_t index) const {
  const WindowRef& w = window(index);
  Plan plan{trajectory(w.trajectory), w.time, scenario_.out_frames * options_.rounds};
  const Trajectory& t = *plan.trajectory;
  const int64_t stride = scenario_.side_stride(options_.side);
  if ((t.height() + stride - 1) / stride != height_ || (t.width() + stride - 1) / stride != width_)
    throw data_error(t.path() + ": grid of " + std::to_string(t.height()) + " x " +
                         std::to_string(t.width()) + " points, stride " + std::to_string(stride),
                     std::to_string(height_) + " x " + std::to_string(width_) +
                         " delivered points, as in the first trajectory");
  const int64_t end = w.time + scenario_.in_frames + plan.target_frames;
  const bool truncate = options_.protocol == "published" && w.time + scenario_.in_frames <= t.frames();
  if (end > t.frames() && !truncate)
    throw data_error(t.path() + ": window of frames " + std::to_string(w.time) + " to " +
                         std::to_string(end) + " passes the end",
                     "at most " + std::to_string(t.frames()) + " frames", "index: " + split_.origin);
  plan.target_frames = std::min(plan.target_frames, t.frames() - w.time - scenario_.in_frames);
  if (scenario_.condition_on_parameters &&
      t.parameters().size() != static_cast<size_t>(scenario_.parameter_count()))
    throw data_error("the name of " + t.path() + " does not give the parameters",
                     "a name that matches " + scenario_.file_pattern);
  return plan;
}

void WindowDataset::fill(const Plan& plan, Draws* draws, float* input, float* target,
                         const Normalizer* normalizer) const {
  const bool simulated = options_.side == Side::numerical;
  const bool hidden = simulated && draws && draws->uniform() < mask_prob_;
  const bool noisy = simulated && draws && options_.noise.scale > 0;
  const int64_t fields = scenario_.channels(), step = scenario_.input_channels();
  const int64_t stride = scenario_.side_stride(options_.side), middle = plan.time + scenario_.in_frames;
  const int64_t points = scenario_.in_frames * height_ * width_,
                later = plan.target_frames * height_ * width_;
  std::vector<ChannelSource> in = hidden ? hidden_ : shown_, out = in;
  for (int64_t i = 0; i < step - fields; ++i)
    in.push_back({-1, static_cast<float>(plan.trajectory->parameters()[static_cast<size_t>(i)])});

  if (!noisy) {
    if (normalizer) {
      const auto set = [&](std::vector<ChannelSource>& list, bool target_side) {
        const auto n = static_cast<int64_t>(list.size());
        const auto shift = normalizer->shift(target_side, n), scale = normalizer->scale(target_side, n);
        for (size_t c = 0; c < list.size(); ++c) {
          list[c].shift = shift[c];
          list[c].scale = scale[c];
        }
      };
      set(in, false);
      set(out, true);
    }
    plan.trajectory->deliver(in, plan.time, middle, stride, input, step);
    plan.trajectory->deliver(out, middle, middle + plan.target_frames, stride, target, fields);
    return;
  }
  plan.trajectory->deliver(in, plan.time, middle, stride, input, step);
  plan.trajectory->deliver(out, middle, middle + plan.target_frames, stride, target, fields);
  const StageTimer timer(Stage::noise);
  if (step > fields) {  // noise is drawn for the fields alone, in their dense order
    thread_local std::vector<float> dense;
    dense.resize(static_cast<size_t>(points * fields));
    for (int64_t k = 0; k < points; ++k) std::copy_n(input + k * step, fields, dense.data() + k * fields);
    add_noise(options_.noise, *draws, dense.data(), scenario_.in_frames, height_, width_, fields);
    for (int64_t k = 0; k < points; ++k) std::copy_n(dense.data() + k * fields, fields, input + k * step);
  } else {
    add_noise(options_.noise, *draws, input, scenario_.in_frames, height_, width_, fields);
  }
  add_noise(options_.noise, *draws, target, plan.target_frames, height_, width_, fields);
  if (normalizer) {
    normalizer->apply_input(input, points, step);
    normalizer->apply_target(target, later, fields);
  }
}

Sample WindowDataset::make(int64_t index, Draws* draws) const {
  const Plan p = plan(index);
  core::Shape target = target_shape();
  target[0] = p.target_frames;
  Sample sample{core::Array(input_shape()), core::Array(target),      p.trajectory->parameters(),
                sample_id(index),           window(index).trajectory, p.time};
  fill(p, draws, sample.input.data.data(), sample.target.data.data(), nullptr);
  return sample;
}

std::unique_ptr<Draws> WindowDataset::own_draws(int64_t index, uint64_t draw) const {
  return stream_draws(core::stream_seed(options_.seed, sample_id(index) + "#" + std::to_string(draw)));
}

Sample WindowDataset::sample(int64_t index, uint64_t draw) const {
  return make(index, own_draws(index, draw).get());
}
Sample WindowDataset::sample(int64_t index, Draws& draws) const { return make(index, &draws); }
Sample WindowDataset::clean_sample(int64_t index) const { return make(index, nullptr); }

void WindowDataset::read(int64_t index, uint64_t draw, float* input, float* target,
                         const Normalizer* normalizer) const {
  const Plan p = plan(index);
  if (p.target_frames != scenario_.out_frames * options_.rounds)
    throw data_error(sample_id(index) + ": the target has " + std::to_string(p.target_frames) + " frames",
                     std::to_string(scenario_.out_frames * options_.rounds) + ", or batches cannot be formed",
                     "use rounds = 1 for training, or the corrected protocol, which drops such windows");
  if (options_.side == Side::real)
    fill(p, nullptr, input, target, normalizer);
  else
    fill(p, own_draws(index, draw).get(), input, target, normalizer);
}

const std::vector<double>& WindowDataset::parameters(int64_t index) const {
  return parameters_.at(window(index).trajectory);
}

Split make_split(const Scenario& scenario, const std::filesystem::path& root, Side side,
                 const std::string& protocol, uint64_t seed) {
  const auto names = list_trajectories(scenario, root, side);
  if (protocol == "published") return published_split(scenario, names, side, seed);
  if (protocol == "corrected") return leak_free_split(scenario, names, side, seed);
  throw usage_error("unknown protocol '" + protocol + "'", "published or corrected");
}

std::vector<TrajectoryName> list_trajectories(const Scenario& scenario, const std::filesystem::path& root,
                                              Side side) {
  const auto store = open_trajectories(scenario, root, side);
  std::vector<TrajectoryName> names;
  for (const auto& id : store->ids()) {
    const auto parameters = scenario.parse_name(id, side);
    if (!parameters) {
      if (!scenario.strict_names) continue;
      throw data_error("file '" + id + "' in " + scenario.folder(root, to_string(side)).string(),
                       "names that match " + scenario.pattern(side));
    }
    const auto opened = store->open(id);
    names.push_back(
        {id, scenario.parameters_in_files() ? opened->parameters() : *parameters, opened->frames()});
  }
  if (names.empty())
    throw data_error(
        "no file in " + scenario.folder(root, to_string(side)).string() + " is named like a trajectory",
        "names that match " + scenario.pattern(side));
  return names;
}

}  // namespace windtunnel::datasets
