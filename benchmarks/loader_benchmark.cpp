// Windows per second from files to normalised samples (B,T,H,W,C), files in the page cache, starts drawn at
// random. The peers benchmarks/peers/loader_h5py.py and loader_arrow.py read the same files the same way:
//   WINDTUNNEL_LOADER_DATA=DIR loader_benchmark --benchmark_format=json
//   loader_h5py.py DIR; loader_arrow.py DIR
// Without the variable the data go to the temporary folder and are removed:
//   cylinder/real/*.h5                     4 x 1000 frames of 64 x 128 points, contiguous (262 MB)
//   gzip/cylinder/real/*.h5                the same values, chunks of 10 frames, shuffled and deflated
//   arrow/cylinder/hf_dataset/real         one row of 16400 frames (1.07 GB)
#include <benchmark/benchmark.h>
#include <hdf5.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "core/random.h"
#include "datasets/formats/arrow_writer.h"
#include "datasets/inspect.h"
#include "datasets/loader.h"
#include "datasets/normalizer.h"

namespace {

namespace fs = std::filesystem;
using namespace windtunnel::datasets;

constexpr int kTrajectories = 4;
constexpr int64_t kFrames = 1000, kHeight = 64, kWidth = 128, kWindow = 40, kFields = 2;

constexpr int64_t kArrowFrames = 16400;

/// Values with the smoothness of fields: deflate takes them about as it takes simulated ones.
void fill(std::vector<float>& values, int seed) {
  for (size_t i = 0; i < values.size(); ++i) {
    const auto x = static_cast<double>(i % kWidth), y = static_cast<double>(i / kWidth % kHeight),
               t = static_cast<double>(i / (kWidth * kHeight));
    values[i] =
        static_cast<float>(0.1 + 0.3 * std::sin(0.07 * x + 0.05 * t + seed) * std::cos(0.09 * y - 0.03 * t));
  }
}

enum Kind { kPlain, kGzip, kArrow };

/// The data folder; each kind is filled at its first use.
class Data {
 public:
  static Data& instance() {
    static Data data;
    return data;
  }
  Data() {
    const char* given = std::getenv("WINDTUNNEL_LOADER_DATA");
    keep_ = given != nullptr;
    root_ = keep_ ? fs::path(given)
                  : fs::temp_directory_path() / ("windtunnel-loader-" + std::to_string(getpid()));
  }
  ~Data() {
    std::error_code ignored;
    if (!keep_) fs::remove_all(root_, ignored);
  }

  std::unique_ptr<WindowDataset> windows(Kind kind = kPlain) {
    const fs::path root = kind == kPlain ? root_ : root_ / (kind == kGzip ? "gzip" : "arrow");
    if (kind == kArrow)
      make_arrow(root / "cylinder/hf_dataset/real");
    else
      make_hdf5(root / "cylinder/real", kind == kGzip);
    Scenario s = load_scenario("cylinder");
    s.frames = kind == kArrow ? kArrowFrames : kFrames;
    s.held_out_in_dist = s.held_out_out_dist = 0;
    s.interval = 1;
    return std::make_unique<WindowDataset>(s, root, WindowOptions{});
  }

 private:
  static void make_hdf5(const fs::path& folder, bool packed) {
    fs::create_directories(folder);
    std::vector<float> values(static_cast<size_t>(kFrames * kHeight * kWidth));
    for (int i = 0; i < kTrajectories; ++i) {
      const fs::path path = folder / (std::to_string(2000 + 1000 * i) + ".h5");
      if (fs::exists(path)) continue;
      const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
      const hid_t group = H5Gcreate2(file, "measured_data", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      const hsize_t shape[] = {kFrames, kHeight, kWidth}, chunk[] = {10, kHeight, kWidth};
      const hid_t space = H5Screate_simple(3, shape, nullptr), layout = H5Pcreate(H5P_DATASET_CREATE);
      if (packed) {
        H5Pset_chunk(layout, 3, chunk);
        H5Pset_shuffle(layout);
        H5Pset_deflate(layout, 4);
      }
      for (int field = 0; field < 2; ++field) {
        fill(values, 2 * i + field);
        const hid_t set =
            H5Dcreate2(group, field ? "v" : "u", H5T_IEEE_F32LE, space, H5P_DEFAULT, layout, H5P_DEFAULT);
        H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
        H5Dclose(set);
      }
      H5Pclose(layout);
      H5Sclose(space);
      H5Gclose(group);
      H5Fclose(file);
    }
  }

  static void make_arrow(const fs::path& folder) {
    if (fs::exists(folder)) return;
    fs::create_directories(folder.parent_path());
    std::vector<float> values(static_cast<size_t>(kArrowFrames * kHeight * kWidth));
    const auto bytes = [&](int seed) {
      fill(values, seed);
      return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    };
    write_arrow_folder(folder,
                       {{"sim_id", ArrowType::text},
                        {"u", ArrowType::binary},
                        {"v", ArrowType::binary},
                        {"shape_t", ArrowType::int32},
                        {"shape_h", ArrowType::int32},
                        {"shape_w", ArrowType::int32}},
                       1, 1, [&](int64_t) {
                         return std::vector<ArrowValue>{"2000.h5",    bytes(0), bytes(1),
                                                        kArrowFrames, kHeight,  kWidth};
                       });
  }

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

/// One window at a time in one thread: read, interleave, normalise. Argument: plain, gzip, Arrow.
void BM_Window(benchmark::State& state) {
  const auto dataset = Data::instance().windows(static_cast<Kind>(state.range(0)));
  const auto in = dataset->input_shape(), out = dataset->target_shape();
  std::vector<float> input(static_cast<size_t>(windtunnel::core::numel(in))),
      target(static_cast<size_t>(windtunnel::core::numel(out)));
  windtunnel::core::PythonRandom random(2);
  int64_t windows = 0;
  for (auto _ : state) {
    const auto index = static_cast<int64_t>(random.below(static_cast<uint64_t>(dataset->size())));
    dataset->read(index, 0, input.data(), target.data(), &normalizer());
    benchmark::DoNotOptimize(input.data());
    benchmark::DoNotOptimize(target.data());
    ++windows;
  }
  count(state, windows, *dataset);
}
BENCHMARK(BM_Window)->Arg(kPlain)->Arg(kGzip)->Arg(kArrow)->Unit(benchmark::kMicrosecond);

/// The fields of a window as they are, (T,H,W) one after the other, beside BM_RawCopy of as many bytes.
void BM_RawWindow(benchmark::State& state) {
  const auto dataset = Data::instance().windows();
  const auto store = open_trajectories(dataset->scenario(), dataset->root(), Side::real);
  std::vector<std::shared_ptr<const Trajectory>> all;
  for (const auto& id : store->ids()) all.push_back(store->open(id));
  const int64_t points = kWindow * kHeight * kWidth;
  std::vector<float> out(static_cast<size_t>(2 * points));
  windtunnel::core::PythonRandom random(2);
  int64_t windows = 0;
  for (auto _ : state) {
    const auto& t = all[random.below(all.size())];
    const auto begin = static_cast<int64_t>(random.below(kFrames - kWindow));
    for (int64_t field = 0; field < 2; ++field)
      t->deliver({{field}}, begin, begin + kWindow, 1, out.data() + field * points, 1);
    benchmark::DoNotOptimize(out.data());
    ++windows;
  }
  state.SetBytesProcessed(windows * static_cast<int64_t>(out.size() * sizeof(float)));
}
BENCHMARK(BM_RawWindow)->Unit(benchmark::kMicrosecond);

/// Copies of as many bytes from random places of as much memory.
void BM_RawCopy(benchmark::State& state) {
  const auto points = static_cast<size_t>(kWindow * kHeight * kWidth);
  const auto all = static_cast<size_t>(2 * kTrajectories * kFrames * kHeight * kWidth);
  std::vector<float> source(all, 1), out(2 * points);
  windtunnel::core::PythonRandom random(2);
  int64_t windows = 0;
  for (auto _ : state) {
    for (size_t field = 0; field < 2; ++field)
      std::memcpy(out.data() + field * points, source.data() + random.below(all - points),
                  points * sizeof(float));
    benchmark::DoNotOptimize(out.data());
    ++windows;
  }
  state.SetBytesProcessed(windows * static_cast<int64_t>(out.size() * sizeof(float)));
}
BENCHMARK(BM_RawCopy)->Unit(benchmark::kMicrosecond);

/// Shuffled batches of 32 from the prefetching loader.
void BM_Loader(benchmark::State& state) {
  const auto dataset = Data::instance().windows(static_cast<Kind>(state.range(1)));
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
BENCHMARK(BM_Loader)
    ->ArgNames({"threads", "kind"})
    ->Args({1, kPlain})
    ->Args({2, kPlain})
    ->Args({2, kGzip})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// One shuffled epoch of compressed chunks, from an empty cache, with the given number of threads.
void BM_Epoch(benchmark::State& state) {
  Data::instance().windows(kGzip);  // makes the files, where this runs alone
  int64_t windows = 0;
  for (auto _ : state) {
    const auto dataset = Data::instance().windows(kGzip);  // opens the files anew
    LoaderOptions options;
    options.batch_size = 32;
    options.shuffle = true;
    options.threads = state.range(0);
    options.normalizer = &normalizer();
    Loader loader(*dataset, options);
    for (Batch batch; loader.next(batch);) windows += batch.size();
  }
  state.SetItemsProcessed(windows);
}
BENCHMARK(BM_Epoch)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

/// Statistics of the train windows, and `data verify` of the folder; rates by the bytes that are stored as
/// float32. Argument: plain, gzip (decoded anew).
void BM_Statistics(benchmark::State& state) {
  const auto kind = static_cast<Kind>(state.range(0));
  Data::instance().windows(kind);
  StatisticsOptions options;
  options.quiet = true;
  int64_t bytes = 0;
  for (auto _ : state) {
    const auto dataset = Data::instance().windows(kind);
    benchmark::DoNotOptimize(measure(*dataset, options));
    bytes += dataset->size() * kWindow * kFields * kHeight * kWidth * static_cast<int64_t>(sizeof(float));
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(BM_Statistics)->Arg(kPlain)->Arg(kGzip)->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_Verify(benchmark::State& state) {
  const auto dataset = Data::instance().windows(static_cast<Kind>(state.range(0)));
  int64_t bytes = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(verify(dataset->root(), dataset->scenario()));
    bytes += kTrajectories * kFrames * kFields * kHeight * kWidth * static_cast<int64_t>(sizeof(float));
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(BM_Verify)->Arg(kPlain)->Arg(kGzip)->UseRealTime()->Unit(benchmark::kMillisecond);

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
