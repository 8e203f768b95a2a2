#include "tasks/protocol.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/file.h"
#include "tasks/task.h"

namespace windtunnel::tasks {
namespace {

TEST(Protocol, EveryEmbeddedFileNamesEverySwitch) {
  for (const auto& name : protocol_names()) {
    Protocol read = protocol(name);
    EXPECT_EQ(read.name, name);
    const auto file = core::read_yaml(std::string(WINDTUNNEL_SOURCE) + "/tasks/protocols/" + name + ".yaml");
    for (const auto& option : core::list_options(read))
      EXPECT_TRUE(file.contains(option.key)) << name << " " << option.key;
  }
  EXPECT_EQ(protocol_names(), (std::vector<std::string>{"corrected", "published"}));
}

TEST(Protocol, TheDefaultIsTheCorrectedOne) { EXPECT_EQ(Protocol().hash(), protocol("corrected").hash()); }

TEST(Protocol, HashCoversSwitchesNotProse) {
  const Protocol base = protocol("corrected");
  Protocol changed = base;
  changed.about = "other words";
  EXPECT_EQ(changed.hash(), base.hash());
  changed.input_round_trip = true;
  EXPECT_NE(changed.hash(), base.hash());
  EXPECT_NE(protocol("published").hash(), base.hash());
  EXPECT_EQ(base.hash().size(), 64u);
}

TEST(Protocol, PublishedChunkingStartsAboveFourRounds) {
  const auto published = protocol("published");
  EXPECT_EQ(published.chunk(4, 12), 0);
  EXPECT_EQ(published.chunk(5, 12), 12);
  EXPECT_EQ(protocol("corrected").chunk(10, 12), 0);
}

TEST(Protocol, MetricSwitches) {
  const auto published = protocol("published").accumulator(2, 5, 8);
  EXPECT_EQ(published.chunk, 8);
  EXPECT_EQ(published.loader_batch, 8);
  EXPECT_TRUE(published.float32_chunks && published.zero_missing_ke);
  EXPECT_FALSE(published.bin_mean || published.skip_zero_bins || published.separate_fe ||
               published.paper_forms);
  const auto corrected = protocol("corrected").accumulator(2, 5, 8);
  EXPECT_EQ(corrected.chunk, 0);
  EXPECT_EQ(corrected.loader_batch, 0);
  EXPECT_TRUE(corrected.bin_mean && corrected.skip_zero_bins && corrected.separate_fe &&
              corrected.paper_forms);
}

TEST(Protocol, UnknownNamesAndValuesAreUsageErrors) {
  EXPECT_THROW(protocol("publishd"), Error);
  Protocol p;
  EXPECT_THROW(core::read_options(p, {{"frmse_bins", "median"}}, "x"), Error);
  EXPECT_THROW(core::read_options(p, {{"frmse_bin", "sum"}}, "x"), Error);
}

TEST(Protocol, AChangedFileNeedsItsOwnName) {
  const std::string path = ::testing::TempDir() + "/protocol.yaml";
  core::write_file_atomic(path, "name: corrected\nprobe_rule: 2d\n");
  EXPECT_THROW(protocol(path), Error);
  core::write_file_atomic(path, "name: mine\nprobe_rule: 2d\n");
  EXPECT_EQ(protocol(path).probe_rule, "2d");
}

TEST(Task, IdAndHash) {
  const auto task = make_task("cylinder", "real_finetuning", "published", 3, "unseen");
  EXPECT_EQ(task.id(), "cylinder/finetune/unseen/3-rounds/published-1");
  EXPECT_EQ(make_task("fsi", "real", "corrected").id(), "fsi/real/all/1-round/corrected-1");
  EXPECT_EQ(task.json().at("protocol_sha256"), task.protocol.hash());
  EXPECT_NE(task.hash(), make_task("cylinder", "finetune", "published", 2, "unseen").hash());
  EXPECT_EQ(task.hash(), make_task("cylinder", "finetune", "published", 3, "unseen").hash());
  EXPECT_THROW(make_task("cylinder", "real", "published", 0), Error);
  EXPECT_THROW(make_task("cylinder", "real", "published", 1, "everything"), Error);
}

}  // namespace
}  // namespace windtunnel::tasks
