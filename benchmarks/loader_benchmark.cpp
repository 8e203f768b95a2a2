// Windows per second from contiguous HDF5 files to normalised samples (B,T,H,W,C), files in the page cache.
// The peer benchmarks/peers/loader_h5py.py reads the same files the same way:
//   WINDTUNNEL_LOADER_DATA=DIR loader_benchmark --benchmark_format=json
//   loader_h5py.py DIR
// Without the variable the data (4 x 1000 frames of 64 x 128 points, 262 MB) go to the temporary folder and
// are removed.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "core/random.h"
#include "datasets/lab/trajectory_writer.h"
#include "datasets/loader.h"

namespace {

namespace fs = std::filesystem;
using namespace windtunnel::datasets;

constexpr int kTrajectories = 4;
constexpr int64_t kFrames = 1000, kHeight = 64, kWidth = 128;

/// The data folder, filled once.
class Data {
 public:
  static const Data& instance() {
    static const Data data;
    return data;
  }
  Data() {
    const char* given = std::getenv("WINDTUNNEL_LOADER_DATA");
    keep_ = given != nullptr;
    root_ = keep_ ? fs::path(given)
                  : fs::temp_directory_path() / ("windtunnel-loader-" + std::to_string(getpid()));
    const fs::path folder = root_ / "cylinder" / "real";
    fs::create_directories(folder);
    windtunnel::core::PythonRandom random(1);
    std::vector<float> values(static_cast<size_t>(kFrames * kHeight * kWidth));
    for (int i = 0; i < kTrajectories; ++i) {
      const fs::path file = folder / (std::to_string(2000 + 1000 * i) + ".h5");
      if (fs::exists(file)) continue;
      lab::TrajectoryWriter writer(file, {"real", {{"measured_data/u"}, {"measured_data/v"}}, {}}, kFrames,
                                   kHeight, kWidth);
      for (size_t field = 0; field < 2; ++field) {
        for (auto& value : values) value = static_cast<float>(random.random()) - 0.4f;
        writer.write_frames(field, 0, kFrames, values.data());
      }
      writer.close();
    }
  }
  ~Data() {
    std::error_code ignored;
    if (!keep_) fs::remove_all(root_, ignored);
  }

  std::unique_ptr<WindowDataset> windows() const {
    Scenario s = load_scenario("cylinder");
    s.frames = kFrames;
    s.held_out_in_dist = s.held_out_out_dist = 0;
    return std::make_unique<WindowDataset>(s, root_, WindowOptions{});
  }

 private:
  fs::path root_;
  bool keep_ = false;
};

const Normalizer& normalizer() {
  static const Normalizer n("gaussian", {0.1f, 0.1f, 0}, {0.3f, 0.3f, 0}, {0.1f, 0.1f, 0}, {0.3f, 0.3f, 0});
  return n;
}

void count(benchmark::State& state, int64_t windows, const WindowDataset& dataset) {
  state.SetItemsProcessed(windows);
  state.SetBytesProcessed(windows * dataset.sample_bytes());
}

/// One window at a time in one thread: read, interleave, normalise.
void BM_Window(benchmark::State& state) {
  const auto dataset = Data::instance().windows();
  const auto in = dataset->input_shape(), out = dataset->target_shape();
  std::vector<float> input(static_cast<size_t>(windtunnel::core::numel(in))),
      target(static_cast<size_t>(windtunnel::core::numel(out)));
  windtunnel::core::PythonRandom random(2);
  int64_t windows = 0;
  for (auto _ : state) {
    const auto index = static_cast<int64_t>(random.below(static_cast<uint64_t>(dataset->size())));
    dataset->read(index, 0, input.data(), target.data());
    normalizer().apply_input(input.data(), windtunnel::core::numel(in) / in.back(), in.back());
    normalizer().apply_target(target.data(), windtunnel::core::numel(out) / out.back(), out.back());
    benchmark::DoNotOptimize(input.data());
    benchmark::DoNotOptimize(target.data());
    ++windows;
  }
  count(state, windows, *dataset);
}
BENCHMARK(BM_Window)->Unit(benchmark::kMicrosecond);

/// Shuffled batches of 32 from the prefetching loader.
void BM_Loader(benchmark::State& state) {
  const auto dataset = Data::instance().windows();
  LoaderOptions options;
  options.batch_size = 32;
  options.shuffle = options.repeat = true;
  options.threads = state.range(0);
  options.normalizer = &normalizer();
  Loader loader(*dataset, options);
  Batch batch;
  loader.next(batch);
  int64_t windows = 0;
  for (auto _ : state) {
    loader.next(batch);
    windows += batch.size();
  }
  count(state, windows, *dataset);
}
BENCHMARK(BM_Loader)->ArgName("threads")->Arg(1)->Arg(2)->Arg(4)->UseRealTime()->Unit(
    benchmark::kMillisecond);

/// The limit: copying as many bytes as a window has.
void BM_Copy(benchmark::State& state) {
  const auto dataset = Data::instance().windows();
  const auto bytes = static_cast<size_t>(dataset->sample_bytes());
  std::vector<char> source(bytes * 64, 1), target(bytes);
  int64_t windows = 0;
  for (auto _ : state) {
    std::memcpy(target.data(), source.data() + bytes * static_cast<size_t>(windows % 64), bytes);
    benchmark::DoNotOptimize(target.data());
    ++windows;
  }
  count(state, windows, *dataset);
}
BENCHMARK(BM_Copy)->Unit(benchmark::kMicrosecond);

}  // namespace
