#include "datasets/dataset.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "core/error.h"
#include "core/log.h"
#include "core/sha256.h"

namespace windtunnel::datasets {

namespace {
constexpr uint64_t kSplitSeed = 0;  // every training seed sees the same split
}

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
  shown_ = layout(false);
  hidden_ = layout(true);
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
  if (const int64_t n = size(), kept = options_.at_most; kept > 0 && kept < n) {
    std::vector<WindowRef> spaced;
    for (int64_t k = 0; k < kept; ++k) spaced.push_back(this->window((2 * k + 1) * n / (2 * kept)));
    windows_ = std::move(spaced);
  }
}

WindowDataset::Layout WindowDataset::layout(bool hidden) const {
  Layout layout;
  hidden = hidden && scenario_.has_side(Side::real);  // hiding stands for what a measurement lacks
  for (int64_t i = 0; i < scenario_.channels(); ++i) {
    const FieldInfo& field = scenario_.fields[static_cast<size_t>(i)];
    if (!field.on(options_.side) || (hidden && !field.measured)) {
      layout.zeros.push_back(i);
    } else if (!layout.runs.empty() && layout.runs.back().back() == i - 1) {
      layout.runs.back().push_back(i);
    } else {
      layout.runs.push_back({i});
    }
  }
  return layout;
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

void WindowDataset::read_fields(const Plan& plan, const Layout& layout, int64_t begin, int64_t end,
                                float* out, int64_t step) const {
  const int64_t points = (end - begin) * height_ * width_;
  if (static_cast<int64_t>(layout.zeros.size()) * 2 > scenario_.channels())
    std::memset(out, 0, static_cast<size_t>(points * step) * sizeof(float));
  else
    for (const int64_t channel : layout.zeros)
      for (int64_t k = 0; k < points; ++k) out[k * step + channel] = 0;
  for (const auto& run : layout.runs)
    plan.trajectory->read(run, begin, end, scenario_.side_stride(options_.side), out + run.front(), step);
}

void WindowDataset::fill(const Plan& plan, Draws* draws, float* input, float* target) const {
  const bool simulated = options_.side == Side::numerical;
  const bool hidden = simulated && draws && draws->uniform() < mask_prob_;
  const bool noisy = simulated && draws && options_.noise.scale > 0;
  const Layout& layout = hidden ? hidden_ : shown_;
  const int64_t channels = scenario_.channels(), step = scenario_.input_channels();
  const int64_t middle = plan.time + scenario_.in_frames, points = scenario_.in_frames * height_ * width_;

  if (noisy && step > channels) {  // noise is drawn for the fields alone, in their dense order
    thread_local std::vector<float> dense;
    dense.resize(static_cast<size_t>(points * channels));
    read_fields(plan, layout, plan.time, middle, dense.data(), channels);
    add_noise(options_.noise, *draws, dense.data(), scenario_.in_frames, height_, width_, channels);
    for (int64_t k = 0; k < points; ++k) std::copy_n(dense.data() + k * channels, channels, input + k * step);
  } else {
    read_fields(plan, layout, plan.time, middle, input, step);
    if (noisy) add_noise(options_.noise, *draws, input, scenario_.in_frames, height_, width_, channels);
  }
  if (step > channels) {
    for (int64_t i = 0; i < step - channels; ++i) {
      const auto value = static_cast<float>(plan.trajectory->parameters()[static_cast<size_t>(i)]);
      for (int64_t k = 0; k < points; ++k) input[k * step + channels + i] = value;
    }
  }
  read_fields(plan, layout, middle, middle + plan.target_frames, target, channels);
  if (noisy) add_noise(options_.noise, *draws, target, plan.target_frames, height_, width_, channels);
}

Sample WindowDataset::make(int64_t index, Draws* draws) const {
  const Plan p = plan(index);
  core::Shape target = target_shape();
  target[0] = p.target_frames;
  Sample sample{core::Array(input_shape()), core::Array(target),      p.trajectory->parameters(),
                sample_id(index),           window(index).trajectory, p.time};
  fill(p, draws, sample.input.data.data(), sample.target.data.data());
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

void WindowDataset::read(int64_t index, uint64_t draw, float* input, float* target) const {
  const Plan p = plan(index);
  if (p.target_frames != scenario_.out_frames * options_.rounds)
    throw data_error(sample_id(index) + ": the target has " + std::to_string(p.target_frames) + " frames",
                     std::to_string(scenario_.out_frames * options_.rounds) + ", or batches cannot be formed",
                     "use rounds = 1 for training, or the corrected protocol, which drops such windows");
  if (options_.side == Side::real)
    fill(p, nullptr, input, target);
  else
    fill(p, own_draws(index, draw).get(), input, target);
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
