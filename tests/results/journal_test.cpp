#include "results/journal.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "fixtures.h"

namespace windtunnel::results {
namespace {

using fixtures::TemporaryFolder;

void append_raw(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

std::vector<std::string> summary(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  for (const auto& line : read_journal(path))
    lines.push_back(
        line["event"].get<std::string>() +
        (line.contains("update") ? " " + line["stage"].get<std::string>() + line["update"].dump() : ""));
  return lines;
}

void write_stages(const std::filesystem::path& path) {
  Journal journal(path);
  journal.append("start");
  for (int64_t u = 1; u <= 3; ++u) journal.update("pretrain", u, 1.0 / static_cast<double>(u), 1e-3);
  journal.validation("pretrain", 3, {{"rmse", 0.5}}, true);
  journal.checkpoint("pretrain", 3);
  for (int64_t u = 1; u <= 4; ++u) {
    journal.update("finetune", u, 0.1, 1e-3);
    if (u % 2 == 0) journal.checkpoint("finetune", u);
  }
  journal.append("test");
  journal.append("finish");
}

TEST(Journal, KeepsOrderAndTimes) {
  const TemporaryFolder folder;
  const auto path = folder.path / "journal.jsonl";
  write_stages(path);
  const auto lines = read_journal(path);
  EXPECT_EQ(lines.size(), 14u);
  EXPECT_EQ(lines[0]["event"], "start");
  EXPECT_EQ(lines[0]["time"].get<std::string>().size(), 20u);
}

TEST(Journal, TornLastLineIsLeftOutAndDroppedOnOpening) {
  const TemporaryFolder folder;
  const auto path = folder.path / "journal.jsonl";
  write_stages(path);
  for (const std::string torn : {"{\"event\":\"upd", "{\"event\":\"update\"}", "{"}) {
    const auto whole = std::filesystem::file_size(path);
    append_raw(path, torn);
    EXPECT_EQ(read_journal(path).size(), 14u) << torn;
    { const Journal repaired(path); }
    EXPECT_EQ(std::filesystem::file_size(path), whole);
  }
  append_raw(path, "{\"eve");
  {
    Journal journal(path);
    journal.append("resume");
  }
  EXPECT_EQ(summary(path).back(), "resume");
  EXPECT_EQ(read_journal(path).size(), 15u);
}

TEST(Journal, BadLineInTheMiddleIsAnError) {
  const TemporaryFolder folder;
  const auto path = folder.path / "journal.jsonl";
  write_stages(path);
  append_raw(path, "{\"event\":\n{\"event\":\"x\"}\n");
  try {
    read_journal(path);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.found().find("journal.jsonl:15"), std::string::npos) << error.found();
  }
}

TEST(Journal, RewindCutsAfterTheKnownState) {
  const TemporaryFolder folder;
  const auto path = folder.path / "journal.jsonl";
  const auto rewound = [&](const char* stage, int64_t update) {
    std::filesystem::remove(path);
    write_stages(path);
    Journal journal(path);
    journal.rewind(stage, update);
    journal.append("resume");
    return summary(path);
  };
  using Lines = std::vector<std::string>;
  EXPECT_EQ(rewound("finetune", 2),
            (Lines{"start", "update pretrain1", "update pretrain2", "update pretrain3",
                   "validation pretrain3", "checkpoint pretrain3", "update finetune1", "update finetune2",
                   "checkpoint finetune2", "resume"}));
  EXPECT_EQ(rewound("finetune", 0).size(), 7u);
  EXPECT_EQ(rewound("pretrain", 1), (Lines{"start", "update pretrain1", "resume"}));
  EXPECT_EQ(rewound("pretrain", 0), (Lines{"start", "resume"}));
  // The end of a stage: what follows of later stages goes, the test too.
  EXPECT_EQ(rewound("finetune", 4).size(), 13u);
  EXPECT_EQ(rewound("pretrain", 3).size(), 7u);
}

TEST(Journal, CurveHashIgnoresTimesAndResumes) {
  const TemporaryFolder folder;
  write_stages(folder.path / "a");
  {
    Journal journal(folder.path / "b");
    journal.append("start");
    for (int64_t u = 1; u <= 3; ++u) journal.update("pretrain", u, 1.0 / static_cast<double>(u), 1e-3);
    journal.validation("pretrain", 3, {{"rmse", 0.5}}, true);
    journal.update("finetune", 1, 0.1, 1e-3);
    journal.update("finetune", 2, 99, 1e-3);
    journal.rewind("finetune", 1);
    journal.append("resume");
    for (int64_t u = 2; u <= 4; ++u) journal.update("finetune", u, 0.1, 1e-3);
  }
  EXPECT_EQ(curve_sha256(read_journal(folder.path / "a")), curve_sha256(read_journal(folder.path / "b")));
  Journal(folder.path / "b").update("finetune", 5, 0.1, 1e-3);
  EXPECT_NE(curve_sha256(read_journal(folder.path / "a")), curve_sha256(read_journal(folder.path / "b")));
}

TEST(Journal, CurvesPerStageAndNotFiniteLoss) {
  const TemporaryFolder folder;
  const auto path = folder.path / "journal.jsonl";
  write_stages(path);
  Journal(path).update("finetune", 5, NAN, 1e-3);
  const auto stages = curves(read_journal(path));
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0].stage, "pretrain");
  EXPECT_EQ(stages[0].best_update, 3);
  EXPECT_EQ(stages[0].validation.at("rmse"), (std::vector<std::pair<int64_t, double>>{{3, 0.5}}));
  ASSERT_EQ(stages[1].loss.size(), 5u);
  EXPECT_TRUE(std::isnan(stages[1].loss[4].second));
}

}  // namespace
}  // namespace windtunnel::results
