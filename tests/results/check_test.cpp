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
      {"a plug-in's metric under a built-in name",
       [](Json& r, const fs::path&) {
         r["harness"]["plugins"] = {{{"name", "mine"}, {"version", "1"}, {"sha256", fixtures::hash("so")}}};
         r["metrics"][0]["plugin"] = "mine 1";
       },
       "metric"},
      {"a metric of a plug-in that was not loaded",
       [](Json& r, const fs::path&) {
         Json entry = r["metrics"][0];
         entry["id"] = "own_error";
         entry["aggregation"] = "set";
         entry["plugin"] = "mine 1";
         r["metrics"].push_back(entry);
       },
       "metric"},
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
      {"model relabelled", [](Json& r, const fs::path&) { r["model"]["name"] = "unet"; }, "configuration"},
      {"protocol relabelled", [](Json& r, const fs::path&) { r["task"]["protocol"] = "published"; },
       "protocol"},
      {"protocol edited",
       [](Json& r, const fs::path&) { r["task"]["protocol_sha256"] = fixtures::hash("x"); }, "protocol"},
      {"more updates than configured",
       [](Json& r, const fs::path&) {
         r["training"]["config"]["training"]["updates"] = 100;
         r["training"]["config_sha256"] = core::sha256(core::canonical(r["training"]["config"]));
       },
       "configuration"},
      {"more updates than the configured phases, one of them named twice",
       [](Json& r, const fs::path&) {
         r["training"]["config"]["training"]["updates"] = 75;
         r["training"]["config_sha256"] = core::sha256(core::canonical(r["training"]["config"]));
         r["training"]["phases"] = {{{"name", "train/a"}}, {{"name", "train/a"}}, {{"name", "train/b"}}};
       },
       "configuration"},
      {"another seed told", [](Json& r, const fs::path&) { r["training"]["seeds"]["init"] = 7; },
       "configuration"},
      {"command of another model",
       [](Json& r, const fs::path&) { r["command"] = "windtunnel run --baseline unet --data DATA"; },
       "command"},
      {"command of another setting",
       [](Json& r, const fs::path&) { r["command"] = "windtunnel run --setting simulated --data DATA"; },
       "command"},
      {"from the future", [](Json& r, const fs::path&) { r["created_utc"] = "2999-01-01T00:00:00Z"; },
       "time"},
      {"replaces itself twice told", [](Json& r, const fs::path&) { r["supersedes"] = {"not an id"}; },
       "schema"},
      {"fewer test windows told", [](Json& r, const fs::path&) { r["dataset"]["n_test"] = 13; },
       "per_sample"},
      {"columns told otherwise", [](Json& r, const fs::path&) { r["per_sample"]["columns"][3] = "rmse"; },
       "per_sample"},
      {"negative row",
       [](Json& r, const fs::path& run) {
         PerSampleTable table = read_per_sample(run / "per_sample.csv");
         table.rows[0].values[1] *= -1;
         write_per_sample(run / "per_sample.csv", table);
         r["per_sample"] = per_sample_block(run / "per_sample.csv");
       },
       "plausible"},
      {"predictions swapped",
       [](Json& r, const fs::path& run) {
         core::write_file_atomic(run / "probe.safetensors", "x");
         r["predictions"] = {{"probe_file", "probe.safetensors"}, {"probe_sha256", fixtures::hash("y")}};
       },
       "hash"},
      {"predictions that give other rows",
       [](Json& r, const fs::path& run) {
         core::write_file_atomic(run / "probe.safetensors", "x");
         r["predictions"] = {{"probe_file", "probe.safetensors"}, {"probe_sha256", fixtures::hash("x")}};
       },
       "predictions"},
  };
  CheckOptions options;
  options.protocols = {{"corrected", fixtures::hash("corrected")},
                       {"published", fixtures::hash("published")}};
  options.now = "2026-01-01T00:00:00Z";
  options.predictions = [](const Json&, const fs::path&, const PerSampleTable&) { return "other rows"; };
  for (const auto& forgery : forgeries) {
    const TemporaryFolder folder;
    Json record = fixtures::make_run(folder.path, {});
    forgery.apply(record, folder.path);
    record["record_id"] = record_id(record);
    write_record(folder.path / "record.json", record);
    const auto findings = check_record(folder.path / "record.json", options);
    EXPECT_FALSE(passed(findings)) << forgery.name;
    EXPECT_NE(codes(findings).find(forgery.code + " "), std::string::npos)
        << forgery.name << ": " << describe(findings);
    for (const auto& finding : findings) EXPECT_FALSE(finding.reason.empty()) << forgery.name;
  }
}

TEST(Check, PhasesAreThoseOfTheModel) {
  const auto findings_of = [](const std::vector<std::string>& names) {
    const TemporaryFolder folder;
    Json record = fixtures::make_run(folder.path, {});
    record["training"]["phases"] = Json::array();
    for (const auto& name : names) record["training"]["phases"].push_back({{"name", name}});
    record["record_id"] = record_id(record);
    write_record(folder.path / "record.json", record);
    CheckOptions options;
    options.phases = [](const Json&) { return std::vector<std::string>{"a", "b"}; };
    return describe(check_record(folder.path / "record.json", options));
  };
  EXPECT_EQ(findings_of({}).find("/training/phases"), std::string::npos);  // a record older than the list
  EXPECT_EQ(findings_of({"train/a", "train/b"}).find("/training/phases"), std::string::npos);
  EXPECT_EQ(findings_of({"pretrain/a", "pretrain/b", "finetune/a", "finetune/b"}).find("/training/phases"),
            std::string::npos);
  const std::vector<std::vector<std::string>> wrong = {{"train/a"},
                                                       {"train/a", "train/c"},
                                                       {"train/b", "train/a"},
                                                       {"train/a", "train/a", "train/b"},
                                                       {"train/a", "other/b"}};
  for (const auto& names : wrong)
    EXPECT_NE(findings_of(names).find("the configured model is trained in a, b"), std::string::npos)
        << names.back();
  EXPECT_NE(findings_of({"a", "b"}).find("<stage>/<phase>"), std::string::npos);
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

/// Two honest runs of seeds 0 and 1; the second is altered and passes alone.
struct Swindle {
  const char* name;
  std::function<void(Json& record, const Json& first, const fs::path& run)> apply;
  std::string code;
};

TEST(CheckFolder, SwindlesThatNeedASecondRecordToBeSeen) {
  const std::vector<Swindle> swindles = {
      {"same run, another submitter",
       [](Json& r, const Json& first, const fs::path& run) {
         r = first;
         r["submission"]["submitter"] = "someone else";
         fs::copy_file(run / "../a/per_sample.csv", run / "per_sample.csv",
                       fs::copy_options::overwrite_existing);
       },
       "copied"},
      {"rows of another run",
       [](Json& r, const Json& first, const fs::path& run) {
         r["metrics"] = first["metrics"];
         r["per_sample"] = first["per_sample"];
         fs::copy_file(run / "../a/per_sample.csv", run / "per_sample.csv",
                       fs::copy_options::overwrite_existing);
       },
       "copied_rows"},
      {"another split of the same data",
       [](Json& r, const Json&, const fs::path&) { r["dataset"]["split_sha256"] = fixtures::hash("mine"); },
       "split"},
      {"other test windows under the same hash",
       [](Json& r, const Json&, const fs::path& run) {
         PerSampleTable table = read_per_sample(run / "per_sample.csv");
         for (auto& row : table.rows) row.sample_id += "x";
         write_per_sample(run / "per_sample.csv", table);
         r["per_sample"] = per_sample_block(run / "per_sample.csv");
       },
       "split"},
      {"a weaker reference",
       [](Json& r, const Json&, const fs::path&) {
         for (auto& entry : r["baselines"]["persistence"])
           if (entry["id"] == "mae") entry["value"] = entry["value"].get<double>() * 2;
       },
       "reference"},
      {"fewer parameters told",
       [](Json& r, const Json&, const fs::path&) { r["model"]["parameters"] = 1000; }, "parameters"},
      {"another meaning of a protocol",
       [](Json& r, const Json&, const fs::path&) { r["task"]["protocol_sha256"] = fixtures::hash("mine"); },
       "protocol"},
      {"weights of another setting",
       [](Json& r, const Json& first, const fs::path&) {
         r["task"]["setting"] = "finetune";
         r["training"]["config"]["setting"] = "finetune";
         r["training"]["config_sha256"] = core::sha256(core::canonical(r["training"]["config"]));
         r["command"] = "windtunnel run --data DATA";
         r["model"]["weights_sha256"] = first["model"]["weights_sha256"];
       },
       "duplicate_weights"},
      {"replaces a result of another task",
       [](Json& r, const Json& first, const fs::path&) {
         r["task"]["setting"] = "finetune";
         r["training"]["config"]["setting"] = "finetune";
         r["training"]["config_sha256"] = core::sha256(core::canonical(r["training"]["config"]));
         r["command"] = "windtunnel run --data DATA";
         r["supersedes"] = {first["record_id"]};
       },
       "supersedes"},
      {"confirms what it does not",
       [](Json& r, const Json& first, const fs::path&) { r["confirms"] = {first["record_id"]}; }, "confirms"},
  };
  for (const auto& swindle : swindles) {
    const TemporaryFolder folder;
    Json first = fixtures::make_run(folder.path / "a", {});
    Json second = fixtures::make_run(folder.path / "b", {.rel_l2 = 0.13, .seed = 1});
    first["dataset"]["test_sha256"] = second["dataset"]["test_sha256"] = fixtures::hash("test");
    first["dataset"]["split_sha256"] = second["dataset"]["split_sha256"] = fixtures::hash("split");
    first["record_id"] = record_id(first);
    write_record(folder.path / "a/record.json", first);
    const auto write = [&] {
      second["record_id"] = record_id(second);
      write_record(folder.path / "b/record.json", second);
    };
    write();
    ASSERT_TRUE(passed(check_folder(folder.path))) << describe(check_folder(folder.path));
    swindle.apply(second, first, folder.path / "b");
    write();
    EXPECT_TRUE(passed(check_record(folder.path / "b/record.json"))) << swindle.name;
    const auto findings = check_folder(folder.path);
    EXPECT_FALSE(passed(findings)) << swindle.name;
    EXPECT_NE(codes(findings).find(swindle.code + " "), std::string::npos)
        << swindle.name << ": " << describe(findings);
  }
}

TEST(CheckFolder, ASeedFarBetterThanTheOthersIsForReview) {
  const TemporaryFolder folder;
  for (int64_t seed = 0; seed < 5; ++seed)
    fixtures::make_run(folder.path / std::to_string(seed), {.rel_l2 = seed == 3 ? 0.02 : 0.1, .seed = seed});
  const auto findings = check_folder(folder.path);
  EXPECT_TRUE(passed(findings)) << describe(findings);
  ASSERT_EQ(codes(findings), "too_good ") << describe(findings);
  EXPECT_NE(findings[0].place.find("/3/"), std::string::npos);
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
