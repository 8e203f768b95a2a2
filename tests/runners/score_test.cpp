#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/file.h"
#include "core/json.h"
#include "core/safetensors.h"
#include "core/sha256.h"
#include "results/levels.h"
#include "results/record.h"
#include "runners/stored_predictions.h"
#include "tests/runners/program.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using testing::scratch;
using testing::tiny_data;
using testing::windtunnel;

core::Json task() {
  static const core::Json exported = [] {
    const auto outcome = windtunnel("task export cylinder/real --with-training --quiet --data " +
                                    tiny_data().string() + " --out " + (scratch() / "task").string());
    if (outcome.exit_code != 0) throw std::runtime_error(outcome.output);
    return core::read_json((scratch() / "task/task.json").string());
  }();
  return exported;
}

/// The float32 values of an .npy file after its header.
std::vector<float> npy(const fs::path& path) {
  const std::string bytes = core::read_file(path);
  const size_t start = 10 + static_cast<unsigned char>(bytes[8]) + 256 * static_cast<unsigned char>(bytes[9]);
  std::vector<float> values((bytes.size() - start) / 4);
  std::memcpy(values.data(), bytes.data() + start, values.size() * 4);
  return values;
}

core::Shape shape_of(const char* key) { return task()["splits"]["test"][key].get<core::Shape>(); }

/// Persistence made from the exported inputs alone: (N,T,H,W,C).
std::vector<float> persistence() {
  const core::Shape in = shape_of("input_shape"), out = shape_of("target_shape");
  const std::vector<float> x = npy(scratch() / "task/test_inputs.npy");
  std::vector<float> y(static_cast<size_t>(core::numel(out)));
  const int64_t points = out[2] * out[3];
  for (int64_t n = 0; n < out[0]; ++n)
    for (int64_t t = 0; t < out[1]; ++t)
      for (int64_t p = 0; p < points; ++p)
        for (int64_t c = 0; c < out[4]; ++c)
          y[static_cast<size_t>(((n * out[1] + t) * points + p) * out[4] + c)] =
              x[static_cast<size_t>(((n * in[1] + in[1] - 1) * points + p) * in[4] + c)];
  return y;
}

void write_safetensors(const fs::path& path, const core::Shape& shape, const std::vector<float>& values,
                       const core::Json& ids) {
  core::write_safetensors(
      path, {{"prediction", {core::DType::f32, shape, reinterpret_cast<const std::byte*>(values.data())}}},
      {{"sample_ids", ids.dump()}});
}

std::string score_of(const std::string& file, const std::string& out, const std::string& extra = "") {
  return "score --quiet --task cylinder/real --predictions " + (scratch() / file).string() +
         " --name outside --data " + tiny_data().string() + " --out " + (scratch() / out).string() + " " +
         extra;
}

TEST(TaskExport, WritesInputsAndIdsButNeverTheTestsTargets) {
  const core::Json test = task()["splits"]["test"];
  EXPECT_EQ(test["sample_ids"].size(), shape_of("input_shape")[0]);
  EXPECT_FALSE(test["files"].contains("targets"));
  EXPECT_FALSE(fs::exists(scratch() / "task/test_targets.npy"));
  EXPECT_TRUE(fs::exists(scratch() / "task/real_train_targets.npy"));
  EXPECT_TRUE(fs::exists(scratch() / "task/real_val_targets.npy"));
  EXPECT_FALSE(fs::exists(scratch() / "task/numerical_train_inputs.npy"));  // not part of this setting
  EXPECT_EQ(npy(scratch() / "task/test_inputs.npy").size(),
            static_cast<size_t>(core::numel(shape_of("input_shape"))));
  EXPECT_EQ(windtunnel("task export cylinder --data x").exit_code, 2);
}

TEST(Score, PersistenceFromOutsideScoresAsPersistence) {
  const core::Json ids = task()["splits"]["test"]["sample_ids"];
  write_safetensors(scratch() / "p.safetensors", shape_of("target_shape"), persistence(), ids);
  const auto outcome = windtunnel(score_of("p.safetensors", "outside"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const core::Json record = results::read_record(scratch() / "outside/record.json");
  for (const char* id : {"rel_l2", "rmse", "mae", "r2", "frmse"}) {
    const core::Json *mine = results::find_metric(record, id),
                     *theirs = results::find_metric(record, id, "persistence");
    ASSERT_TRUE(mine && theirs) << id;
    EXPECT_NEAR((*mine)["value"].get<double>(), (*theirs)["value"].get<double>(),
                1e-9 * std::abs((*theirs)["value"].get<double>()))
        << id;
  }
  EXPECT_EQ(record["predictions"]["sha256"].get<std::string>().size(), 64u);
  const auto verified = results::verify_record(scratch() / "outside/record.json", full_checks());
  EXPECT_EQ(verified.level, results::Level::predictions) << results::describe(verified.findings);
}

TEST(Score, TheOrderOfTheFileDoesNotMatterWithIds) {
  core::Json ids = task()["splits"]["test"]["sample_ids"];
  const core::Shape shape = shape_of("target_shape");
  const std::vector<float> values = persistence();
  std::vector<float> turned;
  core::Json turned_ids = core::Json::array();
  const auto size = static_cast<std::ptrdiff_t>(core::numel(shape) / shape[0]);
  for (int64_t n = shape[0] - 1; n >= 0; --n) {
    turned.insert(turned.end(), values.begin() + n * size, values.begin() + (n + 1) * size);
    turned_ids.push_back(ids[static_cast<size_t>(n)]);
  }
  write_safetensors(scratch() / "turned.safetensors", shape, turned, turned_ids);
  write_safetensors(scratch() / "straight.safetensors", shape, values, ids);
  ASSERT_EQ(windtunnel(score_of("turned.safetensors", "turned")).exit_code, 0);
  ASSERT_EQ(windtunnel(score_of("straight.safetensors", "straight")).exit_code, 0);
  const core::Json a = results::read_record(scratch() / "turned/record.json"),
                   b = results::read_record(scratch() / "straight/record.json");
  EXPECT_EQ(a["metrics"], b["metrics"]);
  EXPECT_EQ(a["predictions"]["sha256"], b["predictions"]["sha256"]);
}

TEST(Score, BadFilesAreRefusedWithTheReason) {
  core::Json ids = task()["splits"]["test"]["sample_ids"];
  const core::Shape shape = shape_of("target_shape");
  std::vector<float> values = persistence();
  const auto refused = [&](const std::string& file, const std::string& reason, int code) {
    const auto outcome = windtunnel(score_of(file, "refused"));
    EXPECT_EQ(outcome.exit_code, code) << file << ": " << outcome.output;
    EXPECT_NE(outcome.output.find(reason), std::string::npos) << outcome.output;
    EXPECT_FALSE(fs::exists(scratch() / "refused/record.json"));
  };
  core::Json other = ids;
  other[0] = "cylinder/real/none.h5@0";
  write_safetensors(scratch() / "other.safetensors", shape, values, other);
  refused("other.safetensors", "no prediction of window", 3);
  core::Json twice = ids;
  twice[1] = ids[0];
  write_safetensors(scratch() / "twice.safetensors", shape, values, twice);
  refused("twice.safetensors", "appears twice", 3);
  core::Shape shorter = shape;
  shorter[1] = 1;
  write_safetensors(scratch() / "short.safetensors", shorter, values, ids);
  refused("short.safetensors", "forecasts of shape", 3);
  values[17] = NAN;
  write_safetensors(scratch() / "nan.safetensors", shape, values, ids);
  refused("nan.safetensors", "not finite", 3);
  core::write_file_atomic(scratch() / "text.npy", "no array");
  refused("text.npy", "not a numpy array", 3);
  refused("absent.npy", "no file", 3);
  core::write_file_atomic(scratch() / "a.txt", "");
  refused("a.txt", "cannot tell the format", 2);
}

TEST(Verify, SaysWhichLevelHoldsAndFindsForgedPredictions) {
  write_safetensors(scratch() / "v.safetensors", shape_of("target_shape"), persistence(),
                    task()["splits"]["test"]["sample_ids"]);
  ASSERT_EQ(windtunnel(score_of("v.safetensors", "verified")).exit_code, 0);
  const fs::path run = scratch() / "verified";
  const auto good = windtunnel("verify " + run.string());
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_NE(good.output.find("level 2: predictions recomputed"), std::string::npos) << good.output;
  EXPECT_EQ(windtunnel("verify --at-least 3 " + run.string()).exit_code, 1);

  // A better prediction in the probe file with its hash renewed: the rows no longer follow from it.
  const core::SafetensorsFile file(run / "probe.safetensors");
  core::Array target = file.floats("target/0"), better = file.floats("prediction/0");
  for (size_t i = 0; i < better.data.size(); ++i) better.data[i] += 0.5f * (target.data[i] - better.data[i]);
  std::vector<std::pair<std::string, core::TensorView>> tensors;
  std::vector<core::Array> keep;
  for (const auto& name : file.names()) keep.push_back(name == "prediction/0" ? better : file.floats(name));
  for (size_t i = 0; i < keep.size(); ++i)
    tensors.push_back(
        {file.names()[i],
         {core::DType::f32, keep[i].shape, reinterpret_cast<const std::byte*>(keep[i].data.data())}});
  core::write_safetensors(scratch() / "forged.safetensors", tensors, file.metadata());
  fs::rename(scratch() / "forged.safetensors", run / "probe.safetensors");
  core::Json record = results::read_record(run / "record.json");
  record["predictions"]["probe_sha256"] = core::sha256_file(run / "probe.safetensors");
  record["record_id"] = results::record_id(record);
  results::write_record(run / "record.json", record);
  const auto forged = windtunnel("verify " + run.string());
  EXPECT_EQ(forged.exit_code, 1);
  EXPECT_NE(forged.output.find("the stored prediction gives"), std::string::npos) << forged.output;
}

TEST(Verify, ARerunConfirmsARun) {
  const std::string run = (scratch() / "first").string(), again = (scratch() / "again").string(),
                    data = tiny_data().string();
  ASSERT_EQ(
      windtunnel(
          "run --quiet --scenario cylinder --baseline fno --preset tiny --setting real --updates 4 --data " +
          data + " --out " + run)
          .exit_code,
      0);
  const auto rerun = windtunnel("verify " + run + " --rerun --quiet --relationship maintainers --data " +
                                data + " --out " + again);
  EXPECT_EQ(rerun.exit_code, 0) << rerun.output;
  EXPECT_NE(rerun.output.find("level 3: re-run by maintainers"), std::string::npos) << rerun.output;
  const core::Json confirming = results::read_record(fs::path(again) / "record.json");
  EXPECT_EQ(confirming["confirms"][0], results::read_record(fs::path(run) / "record.json")["record_id"]);
}

TEST(LeaderboardVerbs, AddCheckBuildExport) {
  write_safetensors(scratch() / "b.safetensors", shape_of("target_shape"), persistence(),
                    task()["splits"]["test"]["sample_ids"]);
  ASSERT_EQ(windtunnel(score_of("b.safetensors", "boarded")).exit_code, 0);
  const std::string board = (scratch() / "board").string();
  const auto added = windtunnel("leaderboard add " + (scratch() / "boarded").string() + " --to " + board +
                                " --submitter someone --licence MIT");
  ASSERT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(windtunnel("leaderboard check --board " + board).exit_code, 0);
  EXPECT_EQ(windtunnel("leaderboard add " + (scratch() / "boarded").string() + " --to " + board).exit_code,
            1);
  ASSERT_EQ(windtunnel("leaderboard build " + board + " --out " + (scratch() / "site").string()).exit_code,
            0);
  EXPECT_TRUE(fs::exists(scratch() / "site/models/outside.html"));
  for (const char* target : {"model-index", "mlflow", "csv", "croissant"})
    EXPECT_EQ(windtunnel("leaderboard export " + board + " --to " + target + " --out " +
                         (scratch() / ("export-" + std::string(target))).string())
                  .exit_code,
              0)
        << target;
}

TEST(ExportedModule, TrainsUnderEverySettingLikeABuiltInModel) {
  const std::string plugin =
      std::string("--plugin ") + WINDTUNNEL_SOURCE + "/examples/pytorch_module/residual_conv.yaml ";
  const auto checked = windtunnel("plugin check " + std::string(WINDTUNNEL_SOURCE) +
                                  "/examples/pytorch_module/residual_conv.yaml");
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  for (const char* setting : {"simulated", "real", "finetune"}) {
    const fs::path out = scratch() / (std::string("module-") + setting);
    const auto run = windtunnel(
        plugin +
        "run --quiet --scenario cylinder --baseline residual_conv --preset tiny --updates 4 --setting " +
        setting + " --data " + tiny_data().string() + " --out " + out.string());
    ASSERT_EQ(run.exit_code, 0) << setting << ": " << run.output;
    const core::Json record = results::read_record(out / "record.json");
    EXPECT_EQ(record["model"]["parameters"], 1323);
    EXPECT_NE(record["model"]["weights_sha256"], record["model"]["initial_weights_sha256"]) << setting;
    EXPECT_TRUE(record["checks"]["zero_gradient_parameters"].empty());
  }
}

TEST(ExportedModule, ACompiledPackageIsScoredAndNotTrained) {
  const std::string description =
      std::string(WINDTUNNEL_SOURCE) + "/examples/pytorch_module/residual_conv_compiled.yaml";
  const auto checked = windtunnel("plugin check " + description);
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  EXPECT_NE(checked.output.find("ok      residual_conv_compiled: batch"), std::string::npos)
      << checked.output;

  const std::string tail =
      " --quiet --scenario cylinder --baseline residual_conv_compiled --preset tiny "
      "--setting real --data " +
      tiny_data().string() + " --out " + (scratch() / "compiled").string();
  const auto trained = windtunnel("--plugin " + description + " train" + tail);
  EXPECT_EQ(trained.exit_code, 2);
  EXPECT_NE(trained.output.find("nothing to train in 'residual_conv_compiled'"), std::string::npos)
      << trained.output;
  const auto scored = windtunnel("--plugin " + description + " eval" + tail);
  ASSERT_EQ(scored.exit_code, 0) << scored.output;
  const core::Json record = results::read_record(scratch() / "compiled/record.json");
  EXPECT_EQ(record["model"]["plugin"], "residual_conv_compiled 1.0");
  EXPECT_EQ(record["model"]["parameters"], 1323);
  EXPECT_EQ(record["model"]["trainable"], false);
  EXPECT_EQ(record["model"]["weights_sha256"].get<std::string>().size(), 64u);
}

TEST(ExportedModule, APackageForAnotherMachineIsRefusedBeforeItsCodeIsLoaded) {
  const std::string change = R"py(
import sys, zipfile
source, target, old, new = sys.argv[1:]
with zipfile.ZipFile(source) as a, zipfile.ZipFile(target, "w") as b:
    for name in a.namelist():
        b.writestr(name, a.read(name).replace(old.encode(), new.encode()))
)py";
  core::write_file_atomic(scratch() / "change.py", change);
  const std::string package =
      std::string(WINDTUNNEL_SOURCE) + "/examples/pytorch_module/residual_conv_compiled.pt2";
  for (const auto& [old, fresh, reason] :
       {std::tuple("x86_64", "aarch64", "compiled for machine aarch64"),
        std::tuple("\\\"cpu\\\"", "\\\"cuda\\\"", "compiled for device cuda")}) {
    const fs::path folder = scratch() / "foreign-package";
    fs::create_directories(folder);
    const auto changed = testing::shell("python3 " + (scratch() / "change.py").string() + " " + package +
                                        " " + (folder / "m.pt2").string() + " " + old + " " + fresh);
    ASSERT_EQ(changed.exit_code, 0) << changed.output;
    core::write_file_atomic(folder / "m.yaml",
                            "name: m\nlicence: none\nmodule: m.pt2\nlayout: BCTHW\nmax_batch: 64\n");
    const auto checked = windtunnel("plugin check " + (folder / "m.yaml").string());
    EXPECT_EQ(checked.exit_code, 1) << checked.output;
    EXPECT_NE(checked.output.find(reason), std::string::npos) << checked.output;
  }
}

}  // namespace
}  // namespace windtunnel::runners
