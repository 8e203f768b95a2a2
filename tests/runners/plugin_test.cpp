#include <gtest/gtest.h>

#include <fstream>

#include "core/file.h"
#include "core/json.h"
#include "results/record.h"
#include "tests/runners/program.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using testing::scratch;
using testing::tiny_data;
using testing::windtunnel;

std::string library(const std::string& name) { return std::string(WINDTUNNEL_PLUGINS) + "/" + name + ".so"; }

std::string run_of(const std::string& baseline, const std::string& out, const std::string& extra = "") {
  return "run --quiet --scenario cylinder --baseline " + baseline +
         " --preset tiny --setting real --updates 4 --data " + tiny_data().string() + " --out " +
         (scratch() / out).string() + " " + extra;
}

TEST(Plugin, WhatNewWritesPassesItsCheckAndRuns) {
  const auto checked = windtunnel("plugin check " + library("first_steps"));
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  for (const char* line :
       {"load: first_steps 0.1.0", "option width", "shapes", "gradients", "determinism", "save and load"})
    EXPECT_NE(checked.output.find(line), std::string::npos) << line << "\n" << checked.output;

  const auto run = windtunnel("--plugin " + library("first_steps") + " " + run_of("first_steps", "plug"));
  ASSERT_EQ(run.exit_code, 0) << run.output;
  const core::Json record = results::read_record(scratch() / "plug/record.json");
  EXPECT_EQ(record["model"]["plugin"], "first_steps 0.1.0");
  ASSERT_EQ(record["harness"]["plugins"].size(), 1u);
  EXPECT_EQ(record["harness"]["plugins"][0]["name"], "first_steps");
  EXPECT_EQ(record["harness"]["plugins"][0]["sha256"].get<std::string>().size(), 64u);
  EXPECT_EQ(record["model"]["options"]["width"], 8);
  EXPECT_NE(record["command"].get<std::string>().find("--plugin first_steps.so"), std::string::npos);
  EXPECT_EQ(record.dump().find(WINDTUNNEL_PLUGINS), std::string::npos);
}

TEST(Plugin, FoundOnThePathAndInTheUsersFolder) {
  const fs::path home = scratch() / "home/windtunnel/plugins";
  fs::create_directories(home);
  const std::string path = "WINDTUNNEL_PLUGIN_PATH=" + library("first_steps") + " ";
  EXPECT_NE(windtunnel("ls baselines", path).output.find("first_steps"), std::string::npos);
  fs::copy_file(library("first_steps"), home / "first_steps.so");
  fs::copy_file(library("other_build"), home / "old.so");
  const auto listed = windtunnel("ls baselines", "XDG_DATA_HOME=" + (scratch() / "home").string() + " ");
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_NE(listed.output.find("first_steps"), std::string::npos) << listed.output;
  EXPECT_NE(listed.output.find("torch 1.0"), std::string::npos)
      << listed.output;  // the old one: said, left out
}

TEST(Plugin, ForeignLibrariesAreRefusedWithTheReason) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {library("other_interface"), "interface 999"},
      {library("other_build"), "torch 1.0"},
      {library("no_entry"), "windtunnel_plugin_v1"},
      {(scratch() / "absent.so").string(), "no plug-in"}};
  for (const auto& [path, reason] : cases) {
    const auto outcome = windtunnel("--plugin " + path + " ls baselines");
    EXPECT_NE(outcome.exit_code, 0) << path;
    EXPECT_EQ(outcome.output.rfind("error: ", 0), 0u) << outcome.output;
    EXPECT_NE(outcome.output.find(reason), std::string::npos) << outcome.output;
  }
  core::write_file_atomic(scratch() / "text.so", "no library");
  EXPECT_EQ(windtunnel("--plugin " + (scratch() / "text.so").string() + " ls").exit_code, 5);
}

TEST(Plugin, ModelsThatMisbehaveEndInOneClearMessage) {
  const std::string plugin = "--plugin " + library("misbehaving") + " ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"constructor_throws", "no luck today"}, {"forward_throws", "cannot forecast"},
      {"throws_number", "no std::exception"},  {"torch_error", "torch_error"},
      {"wrong_shape", "instead of"},           {"not_finite", "not finite"}};
  for (const auto& [name, reason] : cases) {
    const auto outcome = windtunnel(plugin + run_of(name, "bad-" + name));
    EXPECT_EQ(outcome.exit_code, 4) << name << ": " << outcome.output;
    EXPECT_EQ(outcome.output.rfind("error: ", 0), 0u) << outcome.output;
    EXPECT_NE(outcome.output.find(reason), std::string::npos) << outcome.output;
    EXPECT_EQ(outcome.output.find("#0 "), std::string::npos) << "a stack trace: " << outcome.output;
    EXPECT_FALSE(fs::exists(scratch() / ("bad-" + name) / "record.json"));
  }
}

TEST(Plugin, ACheckSurvivesACrash) {
  const auto checked = windtunnel("plugin check " + library("misbehaving"));
  EXPECT_EQ(checked.exit_code, 1);
  EXPECT_NE(checked.output.find("ignores_input: input matters: the output ignores the input"),
            std::string::npos)
      << checked.output;
  EXPECT_NE(checked.output.find("crashed: Segmentation fault"), std::string::npos) << checked.output;
}

TEST(Plugin, ACrashDoesNotTakeASweepDown) {
  core::write_file_atomic(scratch() / "grid.yaml",
                          "baseline: [crashes, persistence]\nscenario: cylinder\npreset: tiny\n"
                          "setting: real\ndata: " +
                              tiny_data().string() + "\n");
  const auto swept =
      windtunnel("--plugin " + library("misbehaving") + " sweep " + (scratch() / "grid.yaml").string() +
                 " --quiet --out " + (scratch() / "swept").string());
  EXPECT_EQ(swept.exit_code, 1) << swept.output;
  EXPECT_NE(swept.output.find("2 runs, 1 failed"), std::string::npos) << swept.output;
  EXPECT_TRUE(fs::exists(scratch() / "swept/persistence/record.json"));
}

TEST(Plugin, BringsAScenario) {
  const auto listed = windtunnel("--plugin " + library("misbehaving") + " ls scenarios");
  EXPECT_NE(listed.output.find("A scenario of a plug-in"), std::string::npos) << listed.output;
}

TEST(PluginNew, WritesAFolderOnceAndRefusesOddNames) {
  const std::string out = " --out " + (scratch() / "fresh").string();
  const auto made = windtunnel("plugin new my_net" + out);
  EXPECT_EQ(made.exit_code, 0) << made.output;
  const std::string source = core::read_file(scratch() / "fresh/my_net/my_net.cpp");
  EXPECT_NE(source.find("class MyNet : public Baseline"), std::string::npos);
  EXPECT_EQ(source.find("@"), std::string::npos);
  EXPECT_TRUE(fs::exists(scratch() / "fresh/my_net/CMakeLists.txt"));
  EXPECT_EQ(windtunnel("plugin new my_net" + out).exit_code, 2);
  EXPECT_EQ(windtunnel("plugin new My-Net" + out).exit_code, 2);
}

}  // namespace
}  // namespace windtunnel::runners
