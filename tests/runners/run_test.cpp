#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "baselines/precision.h"
#include "core/json.h"
#include "results/check.h"
#include "results/journal.h"
#include "results/record.h"
#include "runners/run_config.h"
#include "runners/trainer.h"
#include "tests/runners/program.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using testing::scratch;
using testing::tiny_data;
using testing::windtunnel;

std::string run_arguments(const std::string& out, const std::string& extra = "") {
  return "run --quiet --scenario cylinder --baseline fno --preset tiny --setting real --updates 12 --data " +
         tiny_data().string() + " --out " + (scratch() / out).string() + " " + extra;
}

core::Json comparable_record(const std::string& out) {
  return results::comparable(results::read_record(scratch() / out / "record.json"));
}

/// Starts the program without a shell, so that signals reach it.
pid_t start(const std::string& arguments) {
  const pid_t pid = fork();
  if (pid == 0) {
    std::vector<std::string> words{WINDTUNNEL_PROGRAM};
    std::istringstream stream(arguments);
    for (std::string word; stream >> word;) words.push_back(word);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(127);
    execv(argv[0], argv.data());
    _exit(127);
  }
  return pid;
}

/// Waits until the journal has a line that contains `text`.
bool wait_for_line(const fs::path& journal, const std::string& text) {
  for (int i = 0; i < 3000; ++i) {
    std::ifstream in(journal);
    for (std::string line; std::getline(in, line);)
      if (line.find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(LearningRate, CosineAndStepFollowTheirFormulas) {
  TrainingOptions options;
  options.learning_rate = 2e-3;
  options.updates = 10;
  EXPECT_DOUBLE_EQ(learning_rate(options, 1), 2e-3);
  EXPECT_NEAR(learning_rate(options, 6), 1e-3, 1e-18);
  options.scheduler = "step";
  options.step_size = 4;
  EXPECT_DOUBLE_EQ(learning_rate(options, 4), 2e-3);
  EXPECT_DOUBLE_EQ(learning_rate(options, 5), 1e-3);
  EXPECT_DOUBLE_EQ(learning_rate(options, 9), 5e-4);
}

TEST(RunConfig, AssignmentsOverridePresetAndUnknownKeysAreRefused) {
  RunRequest request;
  request.data = "somewhere";
  request.preset = "tiny";
  request.set = {"training.learning_rate=0.25", "data.mask_prob=0"};
  const RunConfig config = resolve(request);
  EXPECT_EQ(config.training.learning_rate, 0.25);
  EXPECT_EQ(config.data.mask_prob, 0);
  request.set = {"training.learning_rat=0.25"};
  try {
    resolve(request);
    FAIL() << "an unknown key was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    EXPECT_NE(e.hint().find("learning_rate"), std::string::npos) << e.what();
  }
}

TEST(RunConfig, PathsOfThisMachineStayOutOfTheHash) {
  RunRequest request;
  request.data = "here";
  request.preset = "tiny";
  request.setting = "finetune";
  const std::string hash = resolve(request).sha256();
  request.data = "there";
  request.pretrained = "/a/b/weights.safetensors";
  EXPECT_EQ(resolve(request).sha256(), hash);
}

TEST(Run, LeavesACheckedRecordAndIsNotRepeated) {
  const auto first = windtunnel(run_arguments("plain"));
  ASSERT_EQ(first.exit_code, 0) << first.output;
  const fs::path folder = scratch() / "plain";
  for (const char* name : {"config.yaml", "journal.jsonl", "record.json", "per_sample.csv", "report.html",
                           "weights.safetensors", "figures.safetensors"})
    EXPECT_TRUE(fs::exists(folder / name)) << name;
  const auto findings = results::check_record(folder / "record.json");
  EXPECT_TRUE(results::passed(findings)) << results::describe(findings);
  const core::Json record = results::read_record(folder / "record.json");
  EXPECT_TRUE(record.at("synthetic").at("is_synthetic").get<bool>());

  const auto again = windtunnel(run_arguments("plain"));
  EXPECT_EQ(again.exit_code, 0) << again.output;
  EXPECT_EQ(results::read_record(folder / "record.json"), record);

  const auto other = windtunnel(run_arguments("plain", "--seed 5"));
  EXPECT_EQ(other.exit_code, 2) << other.output;
  EXPECT_NE(other.output.find("training.seed"), std::string::npos) << other.output;
}

double last_loss(const std::string& out) {
  return results::curves(results::read_journal(scratch() / out / "journal.jsonl")).back().loss.back().second;
}

TEST(Run, AGradientGatheredInPartsGivesTheSameUpdates) {
  const std::string model = "--baseline transolver --updates 4 --batch-size 5 ";
  ASSERT_EQ(windtunnel(run_arguments("at-once", model)).exit_code, 0);
  ASSERT_EQ(windtunnel(run_arguments("in-parts", model + "--set training.accumulate=2")).exit_code, 0);
  EXPECT_NEAR(last_loss("in-parts"), last_loss("at-once"), 1e-5 * last_loss("at-once"));
}

TEST(Run, ABatchThatCannotFitIsRefusedBeforehand) {
  const auto outcome = windtunnel(run_arguments("huge", "--batch-size 100000000"));
  EXPECT_EQ(outcome.exit_code, 5) << outcome.output;
  EXPECT_NE(outcome.output.find("training.accumulate="), std::string::npos) << outcome.output;
}

TEST(Run, ATightMemoryBudgetComputesInnerValuesTwiceToTheSameResult) {
  const std::string model = "--baseline cno --updates 3 --batch-size 6 ";
  ASSERT_EQ(windtunnel(run_arguments("roomy", model)).exit_code, 0);
  const auto refused = windtunnel(run_arguments("refused", model + "--memory-budget 0.001"));
  ASSERT_EQ(refused.exit_code, 5) << refused.output;
  // The need that it names is that with inner values computed twice.
  const auto at = refused.output.find("needs about ");
  ASSERT_NE(at, std::string::npos) << refused.output;
  const double megabytes = std::stod(refused.output.substr(at + 12));
  std::string arguments =
      run_arguments("tight", model + "--memory-budget " + std::to_string((megabytes + 1) / 1000));
  arguments.erase(arguments.find("--quiet "), 8);
  const auto tight = windtunnel(arguments);
  ASSERT_EQ(tight.exit_code, 0) << tight.output;
  EXPECT_NE(tight.output.find("inner values are computed twice"), std::string::npos) << tight.output;
  EXPECT_NEAR(last_loss("tight"), last_loss("roomy"), 1e-6 * last_loss("roomy"));
}

TEST(Run, Bfloat16ProductsTellWhatTheyCost) {
  const auto outcome = windtunnel(run_arguments("rounded", "--baseline cno --updates 3 --precision bf16"));
  if (!baselines::bf16_supported()) {
    EXPECT_EQ(outcome.exit_code, 5) << outcome.output;
    EXPECT_NE(outcome.output.find("bfloat16"), std::string::npos) << outcome.output;
    return;
  }
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  double distance = 0;
  for (const auto& event : results::read_journal(scratch() / "rounded" / "journal.jsonl"))
    if (event.at("event") == "rounding") distance = event.at("relative_l2");
  EXPECT_GT(distance, 1e-5);
  EXPECT_LT(distance, 0.05);
}

TEST(Run, KilledAtAnyMomentEndsInTheSameRecord) {
  ASSERT_EQ(windtunnel(run_arguments("whole", "--set data.noise_scale=0.1")).exit_code, 0);
  const std::string arguments = run_arguments("killed", "--set data.noise_scale=0.1");
  for (const char* moment : {"\"update\":3", "\"update\":7"}) {
    const pid_t pid = start(arguments);
    ASSERT_TRUE(wait_for_line(scratch() / "killed" / "journal.jsonl", moment));
    kill(pid, SIGKILL);
    int status = 0;
    waitpid(pid, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  const auto resumed = windtunnel(arguments);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_EQ(comparable_record("killed").dump(2), comparable_record("whole").dump(2));
}

TEST(Run, InterruptSavesAndContinues) {
  const std::string arguments = run_arguments("stopped", "--set training.updates=40");
  const pid_t pid = start(arguments);
  ASSERT_TRUE(wait_for_line(scratch() / "stopped" / "journal.jsonl", "\"update\":2"));
  kill(pid, SIGINT);
  int status = 0;
  waitpid(pid, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 6);
  EXPECT_FALSE(fs::exists(scratch() / "stopped" / "record.json"));
  EXPECT_EQ(windtunnel(arguments).exit_code, 0);
}

TEST(Run, FinetuningFromARunFolderCarriesTheUpdateRatio) {
  ASSERT_EQ(windtunnel(run_arguments("sim", "--setting simulated")).exit_code, 0);
  ASSERT_EQ(windtunnel(run_arguments("real")).exit_code, 0);
  const auto tuned =
      windtunnel(run_arguments("tuned", "--setting finetune --pretrained " + (scratch() / "sim").string() +
                                            " --real-run " + (scratch() / "real").string()));
  ASSERT_EQ(tuned.exit_code, 0) << tuned.output;
  const core::Json record = results::read_record(scratch() / "tuned" / "record.json");
  ASSERT_NE(results::find_metric(record, "update_ratio"), nullptr);
  EXPECT_FALSE(record.at("model").at("pretrained_from").is_null());
  EXPECT_EQ(record.dump().find(scratch().string()), std::string::npos)
      << "a path of this machine is in the record";
}

TEST(Run, UpdateRatioOfAPhasedModelIsRefusedBeforehand) {
  ASSERT_EQ(windtunnel(run_arguments("real_of_phased")).exit_code, 0);
  const fs::path out = scratch() / "phased_ratio";
  const auto refused = windtunnel(
      "run --quiet --scenario cylinder --baseline physix --preset tiny --setting finetune --data " +
      tiny_data().string() + " --out " + out.string() + " --real-run " +
      (scratch() / "real_of_phased").string());
  EXPECT_EQ(refused.exit_code, 2) << refused.output;
  EXPECT_NE(refused.output.find("--real-run with physix"), std::string::npos) << refused.output;
  EXPECT_FALSE(fs::exists(out));
  const auto no_curve =
      windtunnel(run_arguments("no_curve", "--setting finetune --real-run " + out.string()));
  EXPECT_NE(no_curve.exit_code, 0);
  EXPECT_FALSE(fs::exists(scratch() / "no_curve"));
}

TEST(Run, ScoresGivenWeights) {
  ASSERT_EQ(windtunnel(run_arguments("trained")).exit_code, 0);
  const std::string weights = (scratch() / "trained" / "weights.safetensors").string();
  const std::string pth = (scratch() / "trained.pth").string();
  ASSERT_EQ(windtunnel("weights convert " + weights + " " + pth).exit_code, 0);
  const std::string tail = " --quiet --baseline fno --preset tiny --setting real --compat corrected --data " +
                           tiny_data().string();
  ASSERT_EQ(
      windtunnel("eval --weights " + weights + tail + " --out " + (scratch() / "eval1").string()).exit_code,
      0);
  ASSERT_EQ(windtunnel("eval --weights " + pth + tail + " --out " + (scratch() / "eval2").string()).exit_code,
            0);
  const auto metrics = [](const std::string& run) { return comparable_record(run).at("metrics"); };
  EXPECT_EQ(metrics("eval1"), metrics("trained"));
  EXPECT_EQ(metrics("eval2"), metrics("trained"));
}

}  // namespace
}  // namespace windtunnel::runners
