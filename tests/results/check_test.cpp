#include "results/check.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/error.h"
#include "fixtures.h"

namespace windtunnel::results {
namespace {

using core::Json;
using fixtures::RunSpec;
using fixtures::TemporaryFolder;
namespace fs = std::filesystem;

std::string codes(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& finding : findings) text += finding.code + " ";
  return text;
}

TEST(Check, HonestRunPasses) {
  const TemporaryFolder folder;
  fixtures::make_run(folder.path / "run", {});
  const auto findings = check_record(folder.path / "run/record.json");
  EXPECT_TRUE(passed(findings)) << describe(findings);
  EXPECT_EQ(codes(findings), "") << describe(findings);
}

/// Every forger recomputes the id, so that only the other checks stand in the way.
struct Forgery {
  const char* name;
  std::function<void(Json& record, const fs::path& run)> apply;
  std::string code;
};

void set_metric(Json& record, const char* id, double value) {
  for (auto& entry : record["metrics"])
    if (entry["id"] == id) entry["value"] = value;
}

TEST(Check, ForgeriesAreFoundWithTheirReason) {
  const std::vector<Forgery> forgeries = {
      {"better mean", [](Json& r, const fs::path&) { set_metric(r, "rel_l2", 0.05); }, "recompute"},
      {"score changed by 1e-5",
       [](Json& r, const fs::path&) {
         set_metric(r, "mae", r["metrics"][2]["value"].get<double>() * (1 - 1e-5));
       },
       "recompute"},
      {"better root", [](Json& r, const fs::path&) { set_metric(r, "rmse", 0.01); }, "recompute"},
      {"pooled instead of mean", [](Json& r, const fs::path&) { r["metrics"][0]["aggregation"] = "set"; },
       "aggregation"},
      {"root of another column", [](Json& r, const fs::path&) { r["metrics"][1]["aggregation"] = "root ke"; },
       "aggregation"},
      {"better r2", [](Json& r, const fs::path&) { set_metric(r, "r2", 0.9999); }, "variance"},
      {"r2 above 1", [](Json& r, const fs::path&) { set_metric(r, "r2", 1.5); }, "plausible"},
      {"negative error", [](Json& r, const fs::path&) { set_metric(r, "frmse", -1); }, "plausible"},
      {"whole outside its bands", [](Json& r, const fs::path&) { set_metric(r, "frmse", 1e-5); },
       "plausible"},
      {"direction turned", [](Json& r, const fs::path&) { r["metrics"][0]["higher_is_better"] = true; },
       "direction"},
      {"fewer samples", [](Json& r, const fs::path&) { r["metrics"][0]["n"] = 6; }, "recompute"},
      {"more samples than the test has", [](Json& r, const fs::path&) { r["metrics"][0]["n"] = 9999; },
       "plausible"},
      {"per-sample file edited",
       [](Json&, const fs::path& run) {
         std::string text = core::read_file(run / "per_sample.csv");
         text[text.size() - 3] = text[text.size() - 3] == '1' ? '2' : '1';
         core::write_file_atomic(run / "per_sample.csv", text);
       },
       "hash"},
      {"per-sample file gone", [](Json&, const fs::path& run) { fs::remove(run / "per_sample.csv"); },
       "hash"},
      {"rows dropped, hash renewed",
       [](Json& r, const fs::path& run) {
         PerSampleTable table = read_per_sample(run / "per_sample.csv");
         table.rows.resize(table.rows.size() / 2);
         write_per_sample(run / "per_sample.csv", table);
         r["per_sample"] = per_sample_block(run / "per_sample.csv");
       },
       "recompute"},
      {"column renamed",
       [](Json& r, const fs::path& run) {
         PerSampleTable table = read_per_sample(run / "per_sample.csv");
         table.metrics[2] = "something";
         write_per_sample(run / "per_sample.csv", table);
         r["per_sample"] = per_sample_block(run / "per_sample.csv");
       },
       "recompute"},
      {"configuration edited",
       [](Json& r, const fs::path&) { r["training"]["config"]["training"]["learning_rate"] = 0.1; }, "hash"},
      {"setting relabelled", [](Json& r, const fs::path&) { r["task"]["setting"] = "simulated"; },
       "configuration"},
      {"scenario relabelled", [](Json& r, const fs::path&) { r["task"]["scenario"] = "foil"; },
       "configuration"},
      {"weights hash left out", [](Json& r, const fs::path&) { r["model"]["weights_sha256"] = nullptr; },
       "weights"},
      {"score twice", [](Json& r, const fs::path&) { r["metrics"].push_back(r["metrics"][0]); },
       "duplicate_metric"},
      {"complete with failures", [](Json& r, const fs::path&) { r["status"]["n_failed"] = 2; }, "status"},
      {"diverged without reason", [](Json& r, const fs::path&) { r["status"]["state"] = "diverged"; },
       "status"},
      {"chosen on the test set",
       [](Json& r, const fs::path&) { r["checks"]["test_used_for_selection"] = true; }, "leak"},
      {"leaking windows", [](Json& r, const fs::path&) { r["checks"]["train_test_overlap"] = 3; }, "leak"},
      {"synthetic mark removed", [](Json& r, const fs::path&) { r["synthetic"]["is_synthetic"] = false; },
       "synthetic"},
      {"value without number or reason", [](Json& r, const fs::path&) { r["metrics"][3]["value"] = nullptr; },
       "reason"},
      {"interval elsewhere",
       [](Json& r, const fs::path&) {
         r["metrics"][0]["ci95"] = {5, 6};
       },
       "plausible"},
      {"no seeds", [](Json& r, const fs::path&) { r["training"]["seeds"] = Json::object(); }, "seeds"},
      {"unknown key", [](Json& r, const fs::path&) { r["model"]["secret"] = 1; }, "schema"},
      {"path in a side file", [](Json& r, const fs::path&) { r["per_sample"]["file"] = "../other.csv"; },
       "schema"},
  };
  for (const auto& forgery : forgeries) {
    const TemporaryFolder folder;
    Json record = fixtures::make_run(folder.path, {});
    forgery.apply(record, folder.path);
    record["record_id"] = record_id(record);
    write_record(folder.path / "record.json", record);
    const auto findings = check_record(folder.path / "record.json");
    EXPECT_FALSE(passed(findings)) << forgery.name;
    EXPECT_NE(codes(findings).find(forgery.code + " "), std::string::npos)
        << forgery.name << ": " << describe(findings);
    for (const auto& finding : findings) EXPECT_FALSE(finding.reason.empty()) << forgery.name;
  }
}

TEST(Check, EditedRecordAndWrongFileName) {
  const TemporaryFolder folder;
  Json record = fixtures::make_run(folder.path, {});
  const fs::path named = folder.path / (std::string(64, 'a') + ".json");
  write_record(named, record);
  EXPECT_NE(codes(check_record(named)).find("id "), std::string::npos);
  record["notes"] = "edited";
  write_record(folder.path / "record.json", record);
  EXPECT_NE(codes(check_record(folder.path / "record.json")).find("id "), std::string::npos);
  core::write_file_atomic(folder.path / "record.json", "not json");
  EXPECT_EQ(codes(check_record(folder.path / "record.json")), "schema ");
}

TEST(Check, TooGoodIsForReviewNotRefused) {
  const TemporaryFolder folder;
  fixtures::make_run(folder.path, {.rel_l2 = 1e-5});
  const auto findings = check_record(folder.path / "record.json");
  EXPECT_TRUE(passed(findings)) << describe(findings);
  EXPECT_NE(codes(findings).find("too_good"), std::string::npos);
}

TEST(CheckFolder, FindsCopiesAndSharedWeights) {
  const TemporaryFolder folder;
  fixtures::make_run(folder.path / "a", {});
  fixtures::make_run(folder.path / "b", {.seed = 1});
  EXPECT_TRUE(passed(check_folder(folder.path))) << describe(check_folder(folder.path));

  fixtures::make_run(folder.path / "copy", {.created = "2026-01-01T00:00:00Z"});  // one run, told twice
  EXPECT_NE(codes(check_folder(folder.path)).find("copied"), std::string::npos);
  fs::remove_all(folder.path / "copy");

  const Json first = core::read_json((folder.path / "a/record.json").string());
  Json other = fixtures::make_run(folder.path / "c", {.scenario = "foil", .seed = 4});
  other["model"]["weights_sha256"] = first["model"]["weights_sha256"];
  other["record_id"] = record_id(other);
  write_record(folder.path / "c/record.json", other);
  const auto findings = check_folder(folder.path);
  EXPECT_FALSE(passed(findings));
  EXPECT_NE(codes(findings).find("duplicate_weights"), std::string::npos);
  EXPECT_THROW(check_folder(folder.path / "nowhere"), Error);
}

TEST(CheckFolder, UnknownSupersededRecordIsMentioned) {
  const TemporaryFolder folder;
  Json record = fixtures::make_run(folder.path / "a", {});
  record["supersedes"] = {std::string(64, '0')};
  record["record_id"] = record_id(record);
  write_record(folder.path / "a/record.json", record);
  const auto findings = check_folder(folder.path);
  EXPECT_TRUE(passed(findings));
  EXPECT_EQ(codes(findings), "supersedes ");
}

}  // namespace
}  // namespace windtunnel::results
