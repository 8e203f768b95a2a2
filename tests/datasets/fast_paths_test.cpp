// Every fast way of reading beside its reference: the same bits.
#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <thread>

#include "core/random.h"
#include "datasets/formats/decoded_cache.h"
#include "datasets/formats/hdf5_file.h"
#include "datasets/interleave.h"
#include "datasets/loader.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

using testing::error_of;
using testing::Storage;
using testing::TemporaryFolder;
using testing::write_hdf5;

void expect_same_bits(const std::vector<float>& a, const std::vector<float>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint32_t>(a[i]), std::bit_cast<uint32_t>(b[i])) << what << " at " << i;
}

TEST(FastPaths, Interleave) {
  core::PythonRandom random(3);
  std::vector<float> data(40000);
  for (auto& v : data) v = static_cast<float>(random.random()) - 0.5f;
  data[7] = -0.0f;
  for (const size_t channels : {1u, 2u, 3u, 4u, 5u, 9u, 16u})
    for (const int64_t points : {1, 7, 511, 512, 513, 1300})
      for (const int64_t extra : {0, 2}) {
        std::vector<ChannelStream> streams;
        for (size_t c = 0; c < channels; ++c) {
          ChannelStream s{data.data() + 5 * c, c % 3 == 1 ? 3 : 1, 2.5f, 0, 1};
          if (c % 4 == 3) s.data = nullptr;
          if (c % 2 == 0) {
            s.shift = 0.1f;
            s.scale = 0.3f;
          }
          streams.push_back(s);
        }
        const int64_t step = static_cast<int64_t>(channels) + extra;
        std::vector<float> fast(static_cast<size_t>(points * step), 9), slow = fast;
        EXPECT_TRUE(interleave(streams, points, fast.data(), step));
        EXPECT_TRUE(interleave_reference(streams, points, slow.data(), step));
        expect_same_bits(fast, slow,
                         std::to_string(channels) + " channels, " + std::to_string(points) + " points");
      }
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    data[600] = bad;
    const std::vector<ChannelStream> streams = {{data.data(), 1, 0, 0.5f, 2},
                                                {data.data() + 1000, 1, 0, 0, 1}};
    std::vector<float> out(2600);
    EXPECT_FALSE(interleave(streams, 1300, out.data(), 2));
    EXPECT_FALSE(interleave_reference(streams, 1300, out.data(), 2));
    EXPECT_TRUE(interleave(streams, 600, out.data(), 2));
  }
}

struct StoredAs {
  const char* name;
  Storage storage;
  bool lock_free;
};
const StoredAs kStorages[] = {
    {"contiguous", {}, true},
    {"chunked", {.chunked = true}, true},
    {"deflate", {.chunked = true, .deflate = true}, true},
    {"deflate and shuffle", {.chunked = true, .deflate = true, .shuffle = true}, true},
    {"float64 deflate shuffle", {.chunked = true, .deflate = true, .float64 = true, .shuffle = true}, true},
    {"tiles", {.chunked = true, .tiles = true}, true},
    {"tiles deflate shuffle", {.chunked = true, .deflate = true, .shuffle = true, .tiles = true}, true},
    {"checksummed", {.chunked = true, .deflate = true, .checksum = true}, false},
    {"big endian", {.chunked = true, .big_endian = true}, false},
};

class Storages : public ::testing::Test {
 protected:
  Storages() {
    core::PythonRandom random(5);
    for (int i = 0; i < 37 * 9 * 14; ++i)
      values_.push_back(static_cast<double>(static_cast<float>(random.random())));
    for (const auto& s : kStorages)
      write_hdf5(folder_ / (std::string(s.name) + ".h5"), "a/b", {37, 9, 14}, values_, s.storage);
  }
  std::unique_ptr<Hdf5Array> open(const StoredAs& s) const {
    return std::make_unique<Hdf5Array>(std::make_shared<Hdf5File>(folder_ / (std::string(s.name) + ".h5")),
                                       "a/b");
  }
  std::vector<float> expected(int64_t begin, int64_t end) const {
    std::vector<float> out;
    for (int64_t i = begin * 9 * 14; i < end * 9 * 14; ++i)
      out.push_back(static_cast<float>(values_[static_cast<size_t>(i)]));
    return out;
  }

  TemporaryFolder folder_;
  std::vector<double> values_;
};

TEST_F(Storages, AllReadAlikeAndLikeTheLibrary) {
  for (const auto& s : kStorages) {
    const auto array = open(s);
    EXPECT_EQ(array->lock_free(), s.lock_free) << s.name;
    std::vector<float> buffer;
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 37}, {3, 4}, {9, 31}, {36, 37}, {5, 5}}) {
      const float* got = array->read(begin, end, buffer);
      const std::vector<float> values(got, got + (end - begin) * 9 * 14);
      expect_same_bits(values, expected(begin, end), s.name);
      if (array->mapped() || begin == end) continue;
      std::vector<float> library(values.size());
      array->read_by_library({begin, 0, 0}, {end - begin, 9, 14}, library.data());
      expect_same_bits(values, library, s.name);
    }
    std::vector<float> inner;
    const float* got = array->read({4}, 2, 7, inner);  // rows 2 to 7 of frame 4
    const auto frame = expected(4, 5);
    expect_same_bits({got, got + 5 * 14}, {frame.begin() + 2 * 14, frame.begin() + 7 * 14}, s.name);
  }
}

TEST_F(Storages, ManyThreadsAtOnce) {
  const auto array = open(kStorages[3]);
  std::vector<std::jthread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::vector<float> buffer;
      for (int64_t begin = t; begin + 5 <= 37; begin += 3) {
        const float* got = array->read(begin, begin + 5, buffer);
        wrong += std::vector<float>(got, got + 5 * 9 * 14) != expected(begin, begin + 5);
      }
    });
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST_F(Storages, DamagedChunkIsAnErrorThatNamesIt) {
  const auto path = folder_ / "deflate.h5";
  std::string bytes = core::read_file(path);
  const size_t at = bytes.rfind("\x78\x5e");  // a zlib stream of level 4
  ASSERT_NE(at, std::string::npos);
  for (size_t i = 2; i < 40; ++i) bytes[at + i] = static_cast<char>(0xA5);
  core::write_file_atomic(path, bytes);
  const auto array = open(kStorages[2]);
  std::vector<float> buffer;
  const auto e = error_of([&] { array->read(0, 37, buffer); });
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_NE(e.found().find("chunk"), std::string::npos);
  EXPECT_NE(e.found().find("deflate.h5"), std::string::npos);
}

TEST(DecodedCache, KeepsWhatFits) {
  DecodedCache cache(1000);
  const auto owner = cache.new_owner();
  int made = 0;
  const auto get = [&](uint64_t chunk, size_t n) {
    return cache.get(owner, chunk, [&] {
      ++made;
      return std::vector<float>(n, static_cast<float>(chunk));
    });
  };
  get(1, 100);
  get(2, 100);
  EXPECT_EQ(made, 2);
  EXPECT_EQ((*get(1, 100))[0], 1);
  EXPECT_EQ(made, 2);
  const auto held = get(2, 100);
  get(1, 100);
  get(3, 100);  // 2 goes, but its user keeps it
  EXPECT_EQ(cache.counters().bytes, 800);
  EXPECT_EQ((*held)[99], 2);
  get(1, 100);
  EXPECT_EQ(made, 3);
  get(2, 100);
  EXPECT_EQ(made, 4);
  get(9, 1000);  // larger than everything: delivered, not kept
  EXPECT_LE(cache.counters().bytes, 1000);
  cache.forget(owner);
  EXPECT_EQ(cache.counters().bytes, 0);
}

/// Trajectory::deliver, format by format, against read() and a plain loop.
TEST(FastPaths, DeliverOfStoredTrajectories) {
  TemporaryFolder root;
  testing::write_toy(root.path(), 2, 30, 8, 12);
  const Scenario scenario = testing::toy_scenario();
  const auto store = open_trajectories(scenario, root.path(), Side::numerical);
  const auto t = store->open(store->ids()[1]);
  const std::vector<ChannelSource> channels = {
      {0, 0, 1500, 3}, {-1, 7, 0, 1}, {2, 0, 0, 1}, {1, 0, -2.5f, 0.125f}, {-1, 7, 3, 4}};
  for (const int64_t stride : {1, 2, 3})
    for (const int64_t step : {5, 7}) {
      const int64_t points = 11 * ((8 + stride - 1) / stride) * ((12 + stride - 1) / stride);
      std::vector<float> fast(static_cast<size_t>(points * step), 1), slow = fast;
      t->deliver(channels, 4, 15, stride, fast.data(), step);
      t->deliver_reference(channels, 4, 15, stride, slow.data(), step);
      expect_same_bits(fast, slow, "stride " + std::to_string(stride));
    }
}

TEST(FastPaths, NormalisedWhileRead) {
  TemporaryFolder root;
  testing::write_toy(root.path(), 8);
  WindowOptions options;
  options.side = Side::numerical;
  options.mask_prob = 0.5;
  for (const double noise : {0.0, 0.1}) {
    options.noise.scale = noise;
    const WindowDataset dataset(testing::toy_scenario(), root.path(), options);
    const Normalizer n("gaussian", {1, 2, 3}, {4, 0, 6}, {7, 8, 9}, {10, 11, 0});
    const auto in = dataset.input_shape(), out = dataset.target_shape();
    for (int64_t i = 0; i < std::min<int64_t>(dataset.size(), 12); ++i) {
      std::vector<float> a(static_cast<size_t>(core::numel(in))), b(static_cast<size_t>(core::numel(out))),
          c = a, d = b;
      dataset.read(i, 3, a.data(), b.data(), &n);
      dataset.read(i, 3, c.data(), d.data());
      n.apply_input(c.data(), core::numel(in) / in.back(), in.back());
      n.apply_target(d.data(), core::numel(out) / out.back(), out.back());
      expect_same_bits(a, c, "input");
      expect_same_bits(b, d, "target");
    }
  }
}

}  // namespace
}  // namespace windtunnel::datasets
