#include "datasets/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/file.h"
#include "datasets/dataset.h"
#include "tests/datasets/small_data.h"

namespace windtunnel::datasets {
namespace {

using testing::error_of;
using testing::TemporaryFolder;
using testing::toy_scenario;

std::vector<TrajectoryName> line(int count, int64_t frames = 0) {
  std::vector<TrajectoryName> names;
  for (int i = 0; i < count; ++i)
    names.push_back({std::to_string(1000 + 100 * i) + ".h5", {1000.0 + 100 * i}, frames});
  return names;
}

/// Checked frame by frame, unlike shared_frames().
int64_t frames_in_common(const std::vector<WindowRef>& a, const std::vector<WindowRef>& b, int64_t length) {
  std::set<std::pair<std::string, int64_t>> frames;
  for (const auto& w : a)
    for (int64_t t = 0; t < length; ++t) frames.insert({w.trajectory, w.time + t});
  int64_t common = 0;
  for (const auto& w : b)
    for (int64_t t = 0; t < length; ++t)
      common += static_cast<int64_t>(frames.count({w.trajectory, w.time + t}));
  return common;
}

void expect_separate(const Split& s, int64_t length) {
  EXPECT_EQ(frames_in_common(s.train, s.test, length), 0);
  EXPECT_EQ(frames_in_common(s.train, s.val, length), 0);
  EXPECT_EQ(frames_in_common(s.val, s.test, length), 0);
}

TEST(LeakFreeSplit, SharesNoFrame) {
  Scenario s = toy_scenario();
  for (const int64_t trunk : {1, 5, 7, 10, 23})
    for (const int64_t interval : {1, 2, 3})
      for (const int count : {4, 12, 25}) {
        s.trunk_length = trunk;
        s.interval = interval;
        const Split split = leak_free_split(s, line(count), Side::real, 3);
        expect_separate(split, 5);
        EXPECT_FALSE(split.train.empty());
        EXPECT_FALSE(split.val.empty());
        EXPECT_FALSE(split.test.empty());
        for (const char* mode : {"train", "val", "test"})
          for (const auto& w : split.windows(mode)) EXPECT_LE(w.time + 5, s.frames);
      }
}

TEST(LeakFreeSplit, HeldOutTrajectoriesStayWhole) {
  Scenario s = toy_scenario();
  s.held_out_in_dist = 4;
  s.held_out_out_dist = 2;
  const Split split = leak_free_split(s, line(20), Side::real, 0);
  EXPECT_EQ(split.in_dist.size(), 4u);
  EXPECT_EQ(split.out_dist.size(), 2u);
  EXPECT_EQ(split.remain.size(), 14u);
  for (const auto* group : {&split.in_dist, &split.out_dist})
    for (const auto& name : *group) {
      const auto count = [&](const char* mode) {
        const auto& list = split.windows(mode);
        return std::count_if(list.begin(), list.end(),
                             [&](const WindowRef& w) { return w.trajectory == name.id; });
      };
      EXPECT_EQ(count("train"), 0);
      EXPECT_TRUE(count("val") == 0 || count("test") == 0) << name.id;
      EXPECT_EQ(count("val") + count("test"), (30 - 5) / 2 + 1);
    }
}

TEST(LeakFreeSplit, TrainGetsItsShare) {
  Scenario s = toy_scenario();
  s.frames = 400;
  s.trunk_length = 50;
  s.train_ratio = 0.7;
  s.held_out_in_dist = s.held_out_out_dist = 0;
  const Split split = leak_free_split(s, line(20), Side::real, 1);
  const double all = static_cast<double>(split.train.size() + split.val.size() + split.test.size());
  EXPECT_NEAR(static_cast<double>(split.train.size()) / all, 0.7, 0.05);
  EXPECT_NEAR(static_cast<double>(split.val.size()) / static_cast<double>(split.test.size()), 1, 0.15);
}

TEST(LeakFreeSplit, DependsOnTheSetOfNamesAndTheSeedOnly) {
  const Scenario s = toy_scenario();
  auto names = line(9);
  const auto first = sha256(leak_free_split(s, names, Side::real, 5));
  std::reverse(names.begin(), names.end());
  EXPECT_EQ(sha256(leak_free_split(s, names, Side::real, 5)), first);
  EXPECT_NE(sha256(leak_free_split(s, names, Side::real, 6)), first);
}

TEST(LeakFreeSplit, ShortTrajectoriesAndTooFewFrames) {
  Scenario s = toy_scenario();
  const auto one = leak_free_split(s, line(1, 15), Side::numerical, 0);
  EXPECT_EQ(one.train.size(), 6u);
  EXPECT_TRUE(one.val.empty() && one.test.empty());
  EXPECT_EQ(error_of([&] { leak_free_split(s, line(1, 12), Side::real, 0); }).kind(), core::ErrorKind::data);
  EXPECT_EQ(error_of([&] { leak_free_split(s, line(1, 4), Side::real, 0); }).kind(), core::ErrorKind::data);
}

TEST(PublishedSplit, CountsAndGroups) {
  Scenario s = toy_scenario();
  SplitCounts before, after;
  const Split split = published_split(s, line(20), Side::real, 17, false, &before, &after);
  EXPECT_EQ(before.per_trajectory, (30 - 5 + 1) / 2);
  EXPECT_EQ(before.train, 130);
  EXPECT_EQ(after.in_dist, 1);
  EXPECT_EQ(after.windows_remain, 130 - 2 * 13);
  ASSERT_EQ(split.out_dist.size(), 1u);
  const double re = split.out_dist[0].parameters[0];
  EXPECT_TRUE(re <= 1100 || re >= 2800) << re;  // first and last tenth
  EXPECT_GE(static_cast<int64_t>(split.train.size()), before.train);
  EXPECT_TRUE(published_split(s, line(20), Side::numerical, 17).in_dist.empty());
}

TEST(WithoutLeaks, SeparatesAPublishedSplitAndKeepsWhatItCan) {
  Scenario s = toy_scenario();
  s.frames = 100;
  const Split leaky = published_split(s, line(20), Side::real, 17);
  ASSERT_GT(shared_frames(leaky.val, leaky.test, 5), 0);
  ASSERT_GT(shared_frames(leaky.train, leaky.test, 5), 0);
  const Split clean = without_leaks(leaky, 5);
  expect_separate(clean, 5);
  EXPECT_EQ(clean.val.size() + clean.test.size(), leaky.val.size() + leaky.test.size());
  EXPECT_GT(clean.val.size(), leaky.val.size() / 2);
  EXPECT_GT(clean.test.size(), leaky.test.size() / 2);
  EXPECT_GT(clean.train.size(), leaky.train.size() / 2);
  for (const char* subset : {"in_dist", "out_dist", "seen"}) {  // no group disappears
    const auto there = [&](const std::vector<WindowRef>& list) {
      return std::any_of(list.begin(), list.end(),
                         [&](const WindowRef& w) { return in_subset(clean, w.trajectory, subset); });
    };
    EXPECT_TRUE(there(clean.test)) << subset;
  }
  EXPECT_EQ(sha256(without_leaks(clean, 5)), sha256(clean));
}

TEST(WithoutLeaks, KeepTrainTakesFromTheOthers) {
  Scenario s = toy_scenario();
  s.frames = 100;
  s.interval = 3;
  const Split leaky = published_split(s, line(20), Side::numerical, 17);
  ASSERT_GT(leaky.test.size(), 0u);
  const Split clean = without_leaks(leaky, 5, true);
  EXPECT_EQ(clean.train, leaky.train);
  EXPECT_LT(clean.test.size(), leaky.test.size());
  expect_separate(clean, 5);
}

TEST(WithoutLeaks, LeavesACleanSplitAlone) {
  const Split split = leak_free_split(toy_scenario(), line(20), Side::real, 1);
  EXPECT_EQ(sha256(without_leaks(split, 5)), sha256(split));
}

TEST(SharedFrames, CountsNeighbours) {
  const std::vector<WindowRef> a = {{"x", 0}, {"x", 10}, {"y", 0}}, b = {{"x", 5}, {"x", 14}};
  EXPECT_EQ(shared_frames(a, b, 5), 1);
  EXPECT_EQ(shared_frames(a, b, 6), 2);
  EXPECT_EQ(shared_frames(b, a, 5), 1);
}

TEST(SplitFiles, WhatIsWrittenIsRead) {
  const TemporaryFolder root;
  const Scenario s = toy_scenario();
  EXPECT_FALSE(has_split(s, root.path(), Side::real));
  const Split split = leak_free_split(s, line(20), Side::real, 2);
  write_split(split, s, root.path(), Side::real);
  EXPECT_TRUE(has_split(s, root.path(), Side::real));
  EXPECT_FALSE(has_split(s, root.path(), Side::numerical));
  const Split again = load_split(s, root.path(), Side::real);
  EXPECT_EQ(sha256(again), sha256(split));
  EXPECT_TRUE(again.missing_group.empty());
  for (const auto& name : split.in_dist) EXPECT_TRUE(in_subset(again, name.id, "in_dist"));
  for (const auto& name : split.remain) EXPECT_TRUE(in_subset(again, name.id, "seen"));
  EXPECT_EQ(again.out_dist.size(), split.out_dist.size());
}

TEST(SplitFiles, TheProgramsOwnFilesComeFirst) {
  const TemporaryFolder root;
  const Scenario s = toy_scenario();
  core::make_folder(root / "toy/hf_dataset");
  core::write_file_atomic(root / "toy/hf_dataset/train_index_real.json",
                          R"([{"sim_id": "a.h5", "time_id": 1}])");
  EXPECT_EQ(load_split(s, root.path(), Side::real).train, (std::vector<WindowRef>{{"a.h5", 1}}));
  EXPECT_TRUE(load_split(s, root.path(), Side::real).test.empty());  // no file: empty
  core::write_file_atomic(root / "toy/train_index_real.json", R"([{"sim_id": "b.h5", "time_id": 2}])");
  EXPECT_EQ(load_split(s, root.path(), Side::real).train, (std::vector<WindowRef>{{"b.h5", 2}}));
}

TEST(SplitFiles, MalformedFilesAreNamed) {
  const TemporaryFolder root;
  const Scenario s = toy_scenario();
  core::make_folder(root / "toy");
  for (const char* text :
       {"{}", "[1]", R"([{"sim_id": 3, "time_id": 1}])", R"([{"sim_id": "a"}])", "[", ""}) {
    core::write_file_atomic(root / "toy/test_index_real.json", text);
    const auto e = error_of([&] { load_split(s, root.path(), Side::real); });
    EXPECT_EQ(e.kind(), core::ErrorKind::data);
    EXPECT_NE(e.found().find("test_index_real.json"), std::string::npos);
  }
  const TemporaryFolder empty;
  EXPECT_NE(error_of([&] { load_split(s, empty.path(), Side::real); }).hint().find("corrected"),
            std::string::npos);
}

TEST(Split, UnknownWords) {
  EXPECT_EQ(error_of([] { check_subset("unsee"); }).kind(), core::ErrorKind::usage);
  EXPECT_NE(error_of([] { check_subset("unsee"); }).hint().find("unseen"), std::string::npos);
  EXPECT_EQ(error_of([] { Split().windows("dev"); }).kind(), core::ErrorKind::usage);
}

}  // namespace
}  // namespace windtunnel::datasets
