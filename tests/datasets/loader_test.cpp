#include "datasets/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

using testing::error_of;
using testing::TemporaryFolder;
using testing::toy_scenario;
using testing::write_toy;

class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest() { write_toy(root_.path()); }

  WindowDataset dataset() const {
    WindowOptions o;
    o.side = Side::numerical;
    o.noise.scale = 0.1;
    return WindowDataset(toy_scenario(), root_.path(), o);
  }

  static LoaderOptions training(int64_t threads) {
    LoaderOptions o;
    o.batch_size = 7;
    o.shuffle = o.repeat = true;
    o.seed = 11;
    o.threads = threads;
    return o;
  }

  /// Everything that a number of batches deliver.
  static std::vector<float> contents(Loader& loader, int batches, std::vector<std::string>* ids = nullptr) {
    std::vector<float> all;
    Batch batch;
    for (int i = 0; i < batches; ++i) {
      EXPECT_TRUE(loader.next(batch));
      all.insert(all.end(), batch.input.data.begin(), batch.input.data.end());
      all.insert(all.end(), batch.target.data.begin(), batch.target.data.end());
      if (ids) ids->insert(ids->end(), batch.sample_ids.begin(), batch.sample_ids.end());
    }
    return all;
  }

  TemporaryFolder root_;
};

TEST_F(LoaderTest, BatchesDoNotDependOnThreadsOrQueue) {
  const auto d = dataset();
  Loader one(d, training(1));
  const auto expected = contents(one, 20);
  for (const int64_t threads : {2, 5})
    for (const int64_t queue : {1, 3}) {
      auto o = training(threads);
      o.queue = queue;
      Loader many(d, o);
      EXPECT_TRUE(contents(many, 20) == expected);
    }
}

TEST_F(LoaderTest, AStoredStateGoesOnToTheBit) {
  const auto d = dataset();
  Loader whole(d, training(2));
  const int per_epoch = static_cast<int>(whole.batches_per_epoch());
  ASSERT_GT(per_epoch, 3);
  for (const int first : {1, per_epoch - 1, per_epoch, per_epoch + 2}) {
    whole.rewind();
    contents(whole, first);
    const LoaderState state = LoaderState::from_json(core::parse_json(whole.state().json().dump(), "state"));
    const auto expected = contents(whole, per_epoch + 3);
    Loader resumed(d, training(3));
    resumed.set_state(state);
    EXPECT_TRUE(contents(resumed, per_epoch + 3) == expected) << first;
  }
}

TEST_F(LoaderTest, AnEpochDeliversEveryWindowOnceAndKeepsThePartialBatch) {
  const auto d = dataset();
  Loader loader(d, training(2));
  std::vector<std::string> first, second;
  contents(loader, static_cast<int>(loader.batches_per_epoch()), &first);
  contents(loader, static_cast<int>(loader.batches_per_epoch()), &second);
  EXPECT_EQ(static_cast<int64_t>(first.size()), d.size());
  EXPECT_EQ(static_cast<int64_t>(std::set<std::string>(first.begin(), first.end()).size()), d.size());
  EXPECT_NE(first, second);
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  EXPECT_EQ(first, second);
  EXPECT_NE(d.size() % 7, 0);
}

TEST_F(LoaderTest, SamplesAreThoseOfTheDataset) {
  const auto d = dataset();
  LoaderOptions o;
  o.batch_size = 4;
  Loader loader(d, o);
  Batch batch;
  int64_t i = 0;
  while (loader.next(batch)) {
    EXPECT_EQ(batch.input.shape, (core::Shape{batch.size(), 3, 4, 6, 3}));
    EXPECT_EQ(batch.target.shape, (core::Shape{batch.size(), 2, 4, 6, 3}));
    for (int64_t j = 0; j < batch.size(); ++j, ++i) {
      const Sample s = d.sample(i, uint64_t{0});
      EXPECT_EQ(batch.indices[static_cast<size_t>(j)], i);
      EXPECT_EQ(batch.sample_ids[static_cast<size_t>(j)], s.sample_id);
      EXPECT_EQ(batch.parameters[static_cast<size_t>(j)], s.parameters);
      EXPECT_TRUE(std::equal(s.input.data.begin(), s.input.data.end(),
                             batch.input.data.begin() + j * static_cast<int64_t>(s.input.data.size())));
    }
  }
  EXPECT_EQ(i, d.size());
  EXPECT_FALSE(loader.next(batch));
  EXPECT_EQ(loader.counters().samples, d.size());
  EXPECT_EQ(loader.counters().bytes, d.size() * d.sample_bytes());
  loader.rewind();
  EXPECT_TRUE(loader.next(batch));
  EXPECT_EQ(batch.indices.front(), 0);
}

TEST_F(LoaderTest, NormalisesInItsThreads) {
  const auto d = dataset();
  const Normalizer n("gaussian", {1, 2, 3}, {2, 3, 4}, {5, 6, 7}, {8, 9, 10});
  LoaderOptions o;
  o.normalizer = &n;
  Loader loader(d, o);
  Batch batch;
  ASSERT_TRUE(loader.next(batch));
  const Sample s = d.sample(0, uint64_t{0});
  EXPECT_EQ(batch.input.data[1], (s.input.data[1] - 2) / 3);
  EXPECT_EQ(batch.target.data[2], (s.target.data[2] - 7) / 10);
}

TEST_F(LoaderTest, RanksShareAnEpoch) {
  const auto d = dataset();
  std::vector<std::string> all;
  for (const int64_t rank : {0, 1, 2}) {
    LoaderOptions o;
    o.batch_size = 5;
    o.rank = rank;
    o.ranks = 3;
    o.shuffle = true;
    Loader loader(d, o);
    Batch batch;
    while (loader.next(batch)) all.insert(all.end(), batch.sample_ids.begin(), batch.sample_ids.end());
    auto repeated = o;
    repeated.repeat = true;
    EXPECT_EQ(Loader(d, repeated).batches_per_epoch(),
              ((d.size() + 2) / 3 + 4) / 5);  // the same for every rank
  }
  EXPECT_EQ(static_cast<int64_t>(all.size()), d.size());
  EXPECT_EQ(static_cast<int64_t>(std::set<std::string>(all.begin(), all.end()).size()), d.size());
}

TEST_F(LoaderTest, ErrorsReachTheCaller) {
  std::vector<double> values(30 * 4 * 6, 1.0);
  values[17 * 24] = std::nan("");
  std::filesystem::remove(root_ / "toy/numerical/1200.h5");
  for (const char* name : {"measured_data/u", "measured_data/v", "measured_data/p"})
    testing::write_hdf5(root_ / "toy/numerical/1200.h5", name, {30, 4, 6}, values);
  const auto d = dataset();
  Loader loader(d, training(3));
  const auto e = error_of([&] {
    Batch batch;
    for (int i = 0; i < 100; ++i) loader.next(batch);
  });
  EXPECT_EQ(e.kind(), core::ErrorKind::data);
  EXPECT_NE(e.found().find("1200.h5"), std::string::npos);
  EXPECT_NE(e.found().find("frame 17"), std::string::npos);
}

TEST_F(LoaderTest, BadOptionsAndStates) {
  const auto d = dataset();
  const auto kind = [&](const std::function<void(LoaderOptions&)>& change) {
    LoaderOptions o;
    change(o);
    return error_of([&] { Loader(d, o); }).kind();
  };
  EXPECT_EQ(kind([](auto& o) { o.batch_size = 0; }), core::ErrorKind::usage);
  EXPECT_EQ(kind([](auto& o) { o.queue = 0; }), core::ErrorKind::usage);
  EXPECT_EQ(kind([](auto& o) { o.rank = 1; }), core::ErrorKind::usage);
  const Normalizer narrow("gaussian", {1}, {1}, {1}, {1});
  EXPECT_EQ(kind([&](auto& o) { o.normalizer = &narrow; }), core::ErrorKind::data);
  Loader loader(d, training(1));
  EXPECT_EQ(error_of([&] { loader.set_state({11, 0, 1000}); }).kind(), core::ErrorKind::data);
  EXPECT_EQ(error_of([] { LoaderState::from_json({{"seed", 1}}); }).kind(), core::ErrorKind::data);
}

}  // namespace
}  // namespace windtunnel::datasets
