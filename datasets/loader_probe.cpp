#include "datasets/loader_probe.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <numeric>

#include "datasets/stages.h"

namespace windtunnel::datasets {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Faults that had to wait for a device, and processor seconds of this thread.
struct Usage {
  int64_t faults = 0;
  double busy = 0;
};
Usage usage() {
  rusage r{};
  ::getrusage(RUSAGE_THREAD, &r);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return {r.ru_majflt, seconds(r.ru_utime) + seconds(r.ru_stime)};
}

}  // namespace

LoaderProbe probe_loader(const WindowDataset& dataset, double seconds) {
  LoaderProbe probe;
  if (dataset.size() == 0) return probe;
  std::vector<float> input(static_cast<size_t>(core::numel(dataset.input_shape())));
  std::vector<float> target(static_cast<size_t>(core::numel(dataset.target_shape())));
  const auto before = stage_seconds();
  const Usage start = usage();
  const auto begin = Clock::now();
  // A stride without a common factor with the size visits windows all over the data.
  int64_t step = std::max<int64_t>(1, dataset.size() * 382 / 1000);
  while (std::gcd(step, dataset.size()) != 1) ++step;
  for (int64_t index = 0; since(begin) < seconds; index = (index + step) % dataset.size()) {
    dataset.read(index, 0, input.data(), target.data());
    ++probe.samples;
  }
  const double elapsed = since(begin);
  const auto after = stage_seconds();
  const Usage end = usage();
  probe.samples_per_second = static_cast<double>(probe.samples) / elapsed;
  probe.bytes_per_second = probe.samples_per_second * static_cast<double>(dataset.sample_bytes());
  probe.disk_faults = end.faults - start.faults;
  // Waiting without a processor while pages come in is the disk's; the machine's other work is not told
  // apart.
  if (probe.disk_faults) probe.disk_share = std::clamp(1 - (end.busy - start.busy) / elapsed, 0.0, 1.0);
  size_t most = static_cast<size_t>(Stage::layout);
  for (size_t i = 0; i < probe.shares.size(); ++i) {
    probe.shares[i] = std::clamp((after[i] - before[i]) / elapsed, 0.0, 1.0);
    if (probe.shares[i] > probe.shares[most]) most = i;
  }
  probe.limit = probe.disk_share > 0.5 ? "disk" : kStageNames[most];

  const auto bytes = static_cast<size_t>(dataset.sample_bytes());
  std::vector<char> from(bytes * 16, 1), to(bytes);
  const auto copying = Clock::now();
  int64_t copies = 0;
  for (; since(copying) < 0.2; ++copies)
    std::memcpy(to.data(), from.data() + bytes * static_cast<size_t>(copies % 16), bytes);
  probe.copy_bytes_per_second = static_cast<double>(copies) * static_cast<double>(bytes) / since(copying);
  return probe;
}

std::string LoaderProbe::text() const {
  char line[240];
  std::snprintf(line, sizeof line,
                "%.0f samples/s and thread, %.2f GB/s (plain copy %.2f GB/s); limited by %s (",
                samples_per_second, bytes_per_second / 1e9, copy_bytes_per_second / 1e9, limit.c_str());
  std::string out = line;
  for (size_t i = 0; i < shares.size(); ++i) {
    std::snprintf(line, sizeof line, "%s%s %.0f %%", i ? ", " : "", kStageNames[i], 100 * shares[i]);
    out += line;
  }
  std::snprintf(line, sizeof line, "; disk %.0f %%, %lld page faults waited for it)", 100 * disk_share,
                static_cast<long long>(disk_faults));
  return out + line;
}

}  // namespace windtunnel::datasets
