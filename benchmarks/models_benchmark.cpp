// The trained models but FNO: forward pass in evaluation mode (for WDNO one sample) and one training update
// (forward, backward, Adam). Prints one JSON line per case: {"case", "seconds", "peak_mib", "threads",
// "kernels"}. Peers: peers/{unet,cno,deeponet,wdno,mwt,gk,transolver,dpot}_torch.py.
//   MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=17179869184 models_benchmark --threads 2
//   --case mwt/tiny
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <sys/resource.h>
#include <torch/utils.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>

#include "baselines/adam.h"
#include "baselines/baseline.h"
#include "baselines/precision.h"
#include "baselines/presets.h"
#include "baselines/recompute.h"

namespace {

using windtunnel::core::Json;
namespace baselines = windtunnel::baselines;

/// Batch, shape and preset of each label; the models' settings are those of their presets file.
struct Case {
  int64_t batch;
  baselines::SampleShape shape;
  std::string preset;
};
const std::map<std::string, Case> kLabels = {
    {"cylinder", {1, {20, 64, 128, 3}, "published"}},
    {"cylinder_b4", {4, {20, 64, 128, 3}, "published"}},
    {"small", {2, {20, 64, 128, 3}, "small"}},
    {"tiny", {4, {10, 32, 64, 3}, "tiny"}},
};
const std::vector<std::string> kModels = {"unet",       "cno",  "deeponet", "mwt",   "gk_transformer",
                                          "transolver", "wdno", "dpot_s",   "dpot_l"};

double best(int repeats, const std::function<void()>& action) {
  action();
  double shortest = 1e30;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    action();
    shortest =
        std::min(shortest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return shortest;
}

void report(const std::string& name, double seconds, const std::string& kernels) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const Json line = {{"case", name},
                     {"seconds", seconds},
                     {"peak_mib", static_cast<double>(usage.ru_maxrss) / 1024},
                     {"threads", at::get_num_threads()},
                     {"kernels", kernels}};
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

void measure(const std::string& name, const std::string& kernels, int repeats, bool forward_only) {
  const auto slash = name.find('/');
  const std::string model_name = name.substr(0, slash), label = name.substr(slash + 1);
  const Case& chosen = kLabels.at(label);
  torch::manual_seed(0);
  Json options = baselines::preset(model_name, chosen.preset, "cylinder").at("model");
  if (options.contains("kernels") || kernels != "auto") options["kernels"] = kernels;
  const auto model = baselines::make_baseline(model_name, {chosen.shape, chosen.shape, "published"}, options);
  const auto& s = chosen.shape;
  const at::Tensor x = at::randn({chosen.batch, s.frames, s.height, s.width, s.channels}),
                   y = at::randn_like(x);
  if (model->wants_observation()) model->observe(x, y);
  model->eval();
  const auto forward = [&] {
    const at::NoGradGuard guard;
    model->predict(x);
  };
  report(model_name + "/forward/" + label, best(repeats, forward), kernels);
  if (forward_only) return;
  baselines::Adam adam(model->trainable_parameters(), {1e-4});
  model->train();
  const auto update = [&] {
    adam.zero_grad();
    model->loss(x, y).backward();
    adam.step();
  };
  report(model_name + "/update/" + label, best(repeats, update), kernels);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("times the trained models but FNO, whose program is fno_benchmark");
  int threads = 0, repeats = 3;
  bool forward_only = false, recompute = false;
  std::string precision = "float32";
  std::string kernels = "auto";
  std::vector<std::string> cases, known;
  for (const auto& model : kModels) {
    cases.push_back(model + "/tiny");
    for (const auto& [label, settings] : kLabels) known.push_back(model + "/" + label);
  }
  app.add_option("--threads", threads, "threads (0: the library's choice)");
  app.add_option("--repeats", repeats, "timed repetitions, the best counts");
  app.add_option("--case", cases, "cases to run")->check(CLI::IsMember(known));
  app.add_option("--kernels", kernels, "auto, fast or reference");
  app.add_flag("--forward-only", forward_only, "no training update");
  app.add_flag("--recompute", recompute, "compute inner values twice in the update");
  app.add_option("--precision", precision, "of products")->check(CLI::IsMember({"float32", "bf16"}));
  CLI11_PARSE(app, argc, argv);
  if (threads > 0) at::set_num_threads(threads);
  const baselines::PrecisionScope products(precision == "bf16");
  std::optional<baselines::RecomputeScope> scope;
  if (recompute) scope.emplace();
  for (const auto& name : cases) measure(name, kernels, repeats, forward_only);
  return 0;
}
