#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "core/log.h"
#include "datasets/normalizer.h"

namespace windtunnel::datasets {
namespace {

/// Count, mean and sum of squared deviations of one channel, joined without cancellation (Chan et al. 1979).
struct Moments {
  double count = 0, mean = 0, squares = 0;

  void join(const Moments& other) {
    if (other.count == 0) return;
    const double total = count + other.count, delta = other.mean - mean;
    mean += delta * (other.count / total);
    squares += other.squares + delta * delta * (count * other.count / total);
    count = total;
  }
};

/// What one window adds, per channel.
struct WindowStatistics {
  std::vector<Moments> input, target;
  std::vector<float> input_max, target_max;
};

void gather(const core::Array& a, std::vector<Moments>& moments, std::vector<float>& largest) {
  const auto channels = static_cast<size_t>(a.shape.back());
  const size_t points = channels ? a.data.size() / channels : 0;
  moments.assign(channels, {});
  largest.assign(channels, 0);
  if (points == 0) return;
  // Sums relative to the first point: exact zeros for constant channels.
  std::vector<double> sum(channels, 0), squares(channels, 0);
  const std::vector<float> origin(a.data.begin(), a.data.begin() + static_cast<std::ptrdiff_t>(channels));
  const float* x = a.data.data();
  for (size_t p = 0; p < points; ++p)
    for (size_t c = 0; c < channels; ++c, ++x) {
      const double d = static_cast<double>(*x) - static_cast<double>(origin[c]);
      sum[c] += d;
      squares[c] += d * d;
      largest[c] = std::max(largest[c], std::abs(*x));
    }
  const auto n = static_cast<double>(points);
  for (size_t c = 0; c < channels; ++c)
    moments[c] = {n, static_cast<double>(origin[c]) + sum[c] / n,
                  std::max(0.0, squares[c] - sum[c] * (sum[c] / n))};
}

/// Runs work(i) for i in [0, count) on several threads and rethrows the error of the smallest i.
template <class Work>
void parallel(int64_t count, int64_t threads, const std::string& label, bool quiet, Work work) {
  if (threads <= 0) threads = std::max(1u, std::thread::hardware_concurrency());
  threads = std::min(threads, std::max<int64_t>(count, 1));
  std::atomic<int64_t> next{0}, done{0};
  std::mutex mutex;
  int64_t failed = count;
  std::exception_ptr error;
  const auto run = [&](core::Progress* progress) {
    for (int64_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < failed) {
          failed = i;
          error = std::current_exception();
        }
        next = count;
      }
      const int64_t finished = ++done;
      if (progress) progress->update(finished);
    }
  };
  std::unique_ptr<core::Progress> progress;
  if (!quiet) progress = std::make_unique<core::Progress>(label, count);
  std::vector<std::jthread> pool;
  for (int64_t t = 1; t < threads; ++t) pool.emplace_back(run, nullptr);
  run(progress.get());
  pool.clear();
  if (error) std::rethrow_exception(error);
}

struct Totals {
  std::vector<double> mean, variance;
  std::vector<float> largest;
};

/// Joins the windows in order. published: variance inside batches, weighted by their sizes.
Totals join(const std::vector<WindowStatistics>& windows, bool target, const StatisticsOptions& options) {
  const auto channels = (target ? windows.front().target : windows.front().input).size();
  Totals t{std::vector<double>(channels), std::vector<double>(channels), std::vector<float>(channels)};
  const auto n = static_cast<int64_t>(windows.size());
  const int64_t batch = options.protocol == "published" ? options.batch : n;
  for (size_t c = 0; c < channels; ++c) {
    Moments all;
    double within = 0;
    for (int64_t begin = 0; begin < n; begin += batch) {
      Moments part;
      const int64_t end = std::min(begin + batch, n);
      for (int64_t i = begin; i < end; ++i) part.join((target ? windows[i].target : windows[i].input)[c]);
      within += part.squares;
      all.join(part);
    }
    t.mean[c] = all.mean;
    t.variance[c] = all.count > 0 ? within / all.count : 0;
    for (const auto& w : windows)
      t.largest[c] = std::max(t.largest[c], (target ? w.target_max : w.input_max)[c]);
  }
  return t;
}

/// Expectation over the mask: a field is zero with probability q.
void hide(Totals& t, const Scenario& scenario, double q) {
  for (size_t c = 0; c < scenario.fields.size(); ++c) {
    if (scenario.fields[c].measured) continue;
    const double mean = t.mean[c], second = t.variance[c] + mean * mean;
    t.mean[c] = (1 - q) * mean;
    t.variance[c] = std::max(0.0, (1 - q) * second - t.mean[c] * t.mean[c]);
    if (q >= 1) t.largest[c] = 0;
  }
}

std::vector<float> rounded(const std::vector<double>& values) { return {values.begin(), values.end()}; }

std::vector<float> deviations(const std::vector<double>& variances) {
  std::vector<float> out;
  for (const double v : variances) out.push_back(static_cast<float>(std::sqrt(v)));
  return out;
}

}  // namespace

Normalizer measure(const WindowDataset& dataset, const StatisticsOptions& options) {
  if (options.kind == "identity" || options.kind == "none") return {};
  if (options.kind != "gaussian" && options.kind != "range")
    throw usage_error("unknown normalizer '" + options.kind + "'", "gaussian, range, identity or none");
  if (options.batch < 1)
    throw usage_error("batches of " + std::to_string(options.batch) + " windows", "at least 1");
  if (dataset.size() == 0)
    throw data_error("the " + dataset.options().mode + " split of the " + to_string(dataset.options().side) +
                         " side is empty",
                     "windows to take statistics from", "index: " + dataset.split().origin);
  const bool published = options.protocol == "published";
  std::vector<WindowStatistics> windows(static_cast<size_t>(dataset.size()));
  parallel(dataset.size(), options.threads, "statistics", options.quiet, [&](int64_t i) {
    const Sample sample = published ? dataset.sample(i) : dataset.clean_sample(i);
    WindowStatistics& w = windows[static_cast<size_t>(i)];
    gather(sample.input, w.input, w.input_max);
    gather(sample.target, w.target, w.target_max);
  });
  Totals input = join(windows, false, options), target = join(windows, true, options);
  const bool masked = !published && dataset.options().side == Side::numerical;
  if (masked) {
    hide(input, dataset.scenario(), dataset.mask_prob());
    hide(target, dataset.scenario(), dataset.mask_prob());
  }
  Normalizer n = options.kind == "gaussian"
                     ? Normalizer("gaussian", rounded(input.mean), deviations(input.variance),
                                  rounded(target.mean), deviations(target.variance))
                     : Normalizer("range", std::vector<float>(input.largest.size()), input.largest,
                                  std::vector<float>(target.largest.size()), target.largest);
  n.source = {{"scenario_sha256", dataset.scenario().sha256()},
              {"split_sha256", sha256(dataset.split())},
              {"side", to_string(dataset.options().side)},
              {"mode", dataset.options().mode},
              {"windows", dataset.size()},
              {"protocol", options.protocol}};
  if (dataset.options().side == Side::numerical) n.source["mask_prob"] = dataset.mask_prob();
  if (published) n.source["batch"] = options.batch;
  if (published && dataset.options().side == Side::numerical) n.source["seed"] = dataset.options().seed;
  return n;
}

}  // namespace windtunnel::datasets
