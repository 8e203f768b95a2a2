#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "fixtures.h"
#include "results/check.h"
#include "results/leaderboard.h"
#include "results/levels.h"
#include "results/record_export.h"
#include "results/schema.h"
#include "results/submission.h"

namespace windtunnel::results {
namespace {

using core::Json;
using fixtures::TemporaryFolder;
namespace fs = std::filesystem;

CheckOptions accepting() {
  CheckOptions options;
  options.predictions = [](const Json&, const fs::path&, const PerSampleTable&) { return ""; };
  return options;
}

size_t files_in(const fs::path& folder) {
  size_t count = 0;
  if (fs::exists(folder))
    for (const auto& entry : fs::recursive_directory_iterator(folder)) count += entry.is_regular_file();
  return count;
}

TEST(Board, AddsUnderTheNameOfTheContent) {
  const TemporaryFolder folder;
  fixtures::make_run(folder.path / "run", {});
  const auto added =
      add_to_board(folder.path / "run", folder.path / "board", {}, {"Ada", "", "first_party", "MIT", ""});
  ASSERT_FALSE(added.folder.empty()) << describe(added.findings);
  EXPECT_EQ(added.folder, folder.path / "board/cylinder/real/fno" / added.record_id.substr(0, 16));
  const Json record = read_record(added.folder / (added.record_id + ".json"));
  EXPECT_EQ(record["submission"]["submitter"], "Ada");
  for (const char* name : {"per_sample.csv", "config.yaml"})
    EXPECT_TRUE(fs::exists(added.folder / name)) << name;
  CheckOptions board;
  board.board = true;
  EXPECT_TRUE(passed(check_folder(folder.path / "board", board)));
  EXPECT_THROW(
      add_to_board(folder.path / "run", folder.path / "board", {}, {"Ada", "", "first_party", "MIT", ""}),
      Error);
}

TEST(Board, RefusalLeavesItAsItWas) {
  const TemporaryFolder folder;
  const fs::path board = folder.path / "board";
  fixtures::make_run(folder.path / "a", {});
  ASSERT_FALSE(add_to_board(folder.path / "a", board, {}).folder.empty());
  const size_t before = files_in(board);
  const auto again = add_to_board(folder.path / "a", board, {}, {"Eve", "", "", "", ""});
  EXPECT_TRUE(again.folder.empty());
  EXPECT_NE(describe(again.findings).find("[copied]"), std::string::npos) << describe(again.findings);

  Json forged = fixtures::make_run(folder.path / "b", {.seed = 1});
  forged["metrics"][0]["value"] = 0.01;
  forged["record_id"] = record_id(forged);
  write_record(folder.path / "b/record.json", forged);
  EXPECT_TRUE(add_to_board(folder.path / "b", board, {}).folder.empty());
  EXPECT_EQ(files_in(board), before);
}

TEST(Board, AMovedOrRenamedRecordIsFound) {
  const TemporaryFolder folder;
  const fs::path board = folder.path / "board";
  fixtures::make_run(folder.path / "run", {});
  const auto added = add_to_board(folder.path / "run", board, {});
  fs::create_directories(board / "cylinder/finetune/fno");
  fs::rename(added.folder, board / "cylinder/finetune/fno/x");
  CheckOptions options;
  options.board = true;
  const auto findings = check_folder(board, options);
  EXPECT_FALSE(passed(findings));
  EXPECT_NE(describe(findings).find("[place]"), std::string::npos) << describe(findings);
}

TEST(Board, ReplacementKeepsTheHistory) {
  const TemporaryFolder folder;
  const fs::path board = folder.path / "board";
  fixtures::make_run(folder.path / "old", {.rel_l2 = 0.2});
  fixtures::make_run(folder.path / "new", {.rel_l2 = 0.1});
  const auto old = add_to_board(folder.path / "old", board, {});
  const auto fresh = add_to_board(folder.path / "new", board, {}, {}, {old.record_id});
  ASSERT_FALSE(fresh.folder.empty()) << describe(fresh.findings);
  const Leaderboard read = read_leaderboard(board, {.published = false});
  ASSERT_EQ(read.records.size(), 1u);
  ASSERT_EQ(read.replaced.size(), 1u);
  EXPECT_EQ(read.replaced[0].record["record_id"], old.record_id);
  build_leaderboard(board, folder.path / "site", {.published = false});
  const std::string page = core::read_file(folder.path / "site/runs" / (fresh.record_id + ".html"));
  EXPECT_NE(page.find("replaces"), std::string::npos);
  EXPECT_NE(page.find(old.record_id + ".html"), std::string::npos);
  EXPECT_NE(core::read_file(folder.path / "site/index.html").find("History"), std::string::npos);
}

TEST(Levels, RiseWithWhatCanBeRecomputed) {
  const TemporaryFolder folder;
  Json record = fixtures::make_run(folder.path, {});
  EXPECT_EQ(verify_record(folder.path / "record.json").level, Level::rows);
  const auto write = [&] {
    record["record_id"] = record_id(record);
    write_record(folder.path / "record.json", record);
  };
  core::write_file_atomic(folder.path / "probe.safetensors", "p");
  record["predictions"] = {{"probe_file", "probe.safetensors"}, {"probe_sha256", fixtures::hash("p")}};
  write();
  EXPECT_EQ(verify_record(folder.path / "record.json").level, Level::rows);  // nobody here can recompute them
  EXPECT_EQ(verify_record(folder.path / "record.json", accepting()).level, Level::predictions);
  Json again = record;
  again["submission"]["relationship"] = "maintainers";
  EXPECT_EQ(confirmed_level(Level::rows, record, {&again}), Level::rows);  // itself, told twice
  again["created_utc"] = "2025-05-01T00:00:00Z";
  again["record_id"] = record_id(again);
  EXPECT_EQ(confirmed_level(Level::rows, record, {&again}), Level::maintainers);
  again["submission"]["relationship"] = "third_party";
  EXPECT_EQ(confirmed_level(Level::rows, record, {&again}), Level::rows);  // the same machine
  again["environment"]["cpu_model"] = "another";
  EXPECT_EQ(confirmed_level(Level::rows, record, {&again}), Level::third_party);
  again["metrics"][0]["value"] = 0.2;
  EXPECT_EQ(confirmed_level(Level::rows, record, {&again}), Level::rows);
  record["per_sample"] = nullptr;
  write();
  EXPECT_EQ(verify_record(folder.path / "record.json").level, Level::reported);
  record["metrics"][0]["value"] = -1;
  write();
  EXPECT_EQ(verify_record(folder.path / "record.json").level, Level::none);
}

TEST(Levels, ConfirmingRecordsAreNoRows) {
  const TemporaryFolder folder;
  const Json first = fixtures::make_run(folder.path / "a", {});
  Json again = fixtures::make_run(folder.path / "b", {.created = "2025-06-01T00:00:00Z"});
  again["confirms"] = {first["record_id"]};
  again["submission"]["relationship"] = "maintainers";
  again["record_id"] = record_id(again);
  write_record(folder.path / "b/record.json", again);
  EXPECT_TRUE(passed(check_folder(folder.path))) << describe(check_folder(folder.path));
  const Leaderboard board = read_leaderboard(folder.path, {.published = false});
  ASSERT_EQ(board.records.size(), 1u);
  EXPECT_EQ(board.records[0].level, Level::maintainers);
  EXPECT_EQ(board.views[0].rows[0].level, Level::maintainers);
}

TEST(Statistics, RowsOfAViewAreComparedWithTheBest) {
  const TemporaryFolder folder;
  for (const int64_t seed : {0, 1}) {
    const std::string s = std::to_string(seed);
    fixtures::make_run(folder.path / ("good" + s),
                       {.model = "fno", .rel_l2 = 0.1, .seed = seed, .samples = 48});
    fixtures::make_run(folder.path / ("near" + s),
                       {.model = "unet", .rel_l2 = 0.1005, .seed = seed, .samples = 48});
    fixtures::make_run(folder.path / ("bad" + s),
                       {.model = "cno", .rel_l2 = 0.3, .seed = seed, .samples = 48});
  }
  const Leaderboard board = read_leaderboard(folder.path, {.published = false});
  const View& view = board.views[0];
  ASSERT_EQ(view.rows.size(), 3u);
  EXPECT_EQ(view.rows[0].group.at("rel_l2"), 1);
  EXPECT_EQ(view.rows[1].group.at("rel_l2"), 1);
  EXPECT_EQ(view.rows[2].label, "CNO");
  EXPECT_EQ(view.rows[2].group.at("rel_l2"), 2);
  const Comparison& worst = view.rows[2].to_best.at("rel_l2");
  EXPECT_EQ(worst.samples, 48);
  EXPECT_EQ(worst.blocks, 12);
  EXPECT_NEAR(worst.difference,
              view.rows[2].metrics.at("rel_l2").mean - view.rows[0].metrics.at("rel_l2").mean, 1e-12);
  EXPECT_GT(worst.low, 0.1);
  const auto& ranking = view.rankings.at("rel_l2");
  EXPECT_EQ(ranking.analysis.blocks, 12);
  EXPECT_DOUBLE_EQ(ranking.analysis.mean_rank[2], 3);
  const std::string page = leaderboard_page(board, "t");
  EXPECT_NE(page.find("Mean rank in Rel L2"), std::string::npos);
  EXPECT_NE(page.find("critical difference"), std::string::npos);
}

TEST(Export, EveryTargetCarriesTheScores) {
  const TemporaryFolder folder;
  const Json record = fixtures::make_run(folder.path / "run", {});
  const auto records = find_records(folder.path);
  const double rel_l2 = (*find_metric(record, "rel_l2"))["value"];
  const std::string id = record["record_id"];

  const std::string card = core::read_file(export_records(records, "model-index", folder.path / "card.md"));
  const Json index = core::parse_yaml(card.substr(4, card.rfind("---") - 4), "card");
  const Json& result = index["model-index"][0]["results"][0];
  EXPECT_EQ(index["model-index"][0]["name"], "FNO");
  EXPECT_EQ(result["metrics"][0]["type"], "rel_l2");
  EXPECT_EQ(result["metrics"][0]["value"].get<double>(), rel_l2);

  const auto lines =
      parse_csv(core::read_file(export_records(records, "csv", folder.path / "all.csv")), "csv");
  ASSERT_EQ(lines.size(), 1 + record["metrics"].size());
  EXPECT_EQ(lines[1][0], id);
  EXPECT_EQ(std::stod(lines[1][14]), rel_l2);

  const fs::path store = export_records(records, "mlflow", folder.path / "mlruns");
  fs::path run;
  for (const auto& entry : fs::recursive_directory_iterator(store))
    if (entry.path().filename() == id.substr(0, 32)) run = entry.path();
  ASSERT_FALSE(run.empty());
  double time = 0, value = 0;
  std::ifstream(run / "metrics/rel_l2") >> time >> value;
  EXPECT_EQ(value, rel_l2);
  EXPECT_EQ(core::read_yaml((run / "meta.yaml").string())["run_id"], id.substr(0, 32));
  EXPECT_EQ(core::read_file(run / "params/training.learning_rate"), "0.001");

  const Json croissant =
      core::read_json(export_records(records, "croissant", folder.path / "c.json").string());
  EXPECT_EQ(croissant["@type"], "sc:Dataset");
  EXPECT_EQ(croissant["distribution"].size(), 2u);
  EXPECT_EQ(croissant["distribution"][1]["sha256"], record["per_sample"]["sha256"]);
  EXPECT_EQ(croissant["recordSet"][0]["field"].size(), record["per_sample"]["columns"].size());
  EXPECT_THROW(export_records(records, "xml", folder.path / "x"), Error);
}

/// Every property of the schema has a description, and docs/record.md lists it.
void expect_documented(const Json& schema, const std::string& path, const std::string& page) {
  if (schema.contains("properties"))
    for (const auto& [key, child] : schema["properties"].items()) {
      EXPECT_TRUE(child.contains("description")) << path << key;
      EXPECT_NE(page.find(path + key + "`"), std::string::npos) << path << key;
      expect_documented(child, path + key + ".", page);
    }
  if (schema.contains("items"))
    expect_documented(schema["items"], path.substr(0, path.size() - 1) + "[].", page);
}

TEST(Schema, IsDocumentedFieldByField) {
  expect_documented(record_schema(), "", core::read_file(WINDTUNNEL_SOURCE "/docs/record.md"));
}

}  // namespace
}  // namespace windtunnel::results
