// Golden cases of the refinement stage and of the evaluation: unet_*, refine_packing, eval.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/mse_loss.h>

#include <algorithm>
#include <map>

#include "baselines/checkpoint.h"
#include "baselines/tensor_bridge.h"
#include "baselines/trace.h"
#include "metrics/physix.h"
#include "runners/conformance/tokenizers_case.h"
#include "tokenizers/eval/losses.h"
#include "tokenizers/eval/resize.h"
#include "tokenizers/eval/statistics.h"
#include "tokenizers/module_state.h"
#include "tokenizers/refinement/packing.h"
#include "tokenizers/refinement/unet.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using namespace tokenizers;

using Recorder = TokenizerTrace;
constexpr double kTensor = TokenizerCase::kTensor;
constexpr double kGradient = TokenizerCase::kGradient;
constexpr double kDouble = 1e-12;  // float64 on both sides
constexpr int64_t kMetricFrames = 5;

core::Json read_config(const fs::path& folder) { return core::read_json((folder / "config.json").string()); }

void check_unet(CaseResult& result, const fs::path& folder) {
  const std::string name = folder.filename().string();
  core::Json config = read_config(folder);
  const GoldenTensors io(folder / "io.safetensors");
  for (const char* fact : {"_note", "n_params"}) config.erase(fact);
  const auto weights = baselines::load_weights(folder / "weights.safetensors").state;
  for (const char* kernels : {"fast", "reference"}) {
    const auto label = [&](const std::string& what) { return std::string(kernels) + " " + what; };
    config["kernels"] = kernels;
    RefinementUnet model(RefinementOptions::from_published(config, name));
    load_module_state(model, weights, name);
    Recorder recorder;
    const at::Tensor y = model.forward(io.at("x"), io.at("start_idx"));
    compare_tensor(result, label("y"), y, io.at("y"), kTensor);
    for (const auto& act : io.names("act.")) {
      result.expect(label("act " + act + " exists"), recorder.values.count(act) == 1);
      if (recorder.values.count(act))
        compare_tensor(result, label("act " + act), recorder.values[act], io.at("act." + act), kTensor);
    }
    const at::Tensor loss = at::mse_loss(y, io.at("target"));
    compare_tensor(result, label("train.mse_loss"), loss.view({1}), io.at("train.mse_loss"), kTensor);
    loss.backward();
    for (const auto& parameter : io.names("grad."))
      compare_tensor(result, label("grad " + parameter), model.named_parameters()[parameter].grad(),
                     io.at("grad." + parameter), kGradient);
  }
}

void check_packing(CaseResult& result, const fs::path& folder) {
  const core::Json config = read_config(folder);
  const GoldenTensors io(folder / "io.safetensors");
  const at::Tensor truth = io.at("ground_truth"), decoded = io.at("pred_frames").unsqueeze(0);
  const at::Tensor context = truth.narrow(2, 0, kContextFrames);
  constexpr int64_t kHistory = 4;
  at::Tensor video = decoded.clone();
  video.narrow(2, 0, kHistory).copy_(truth.narrow(2, 0, kHistory));
  for (const auto& [key, s] : config.items()) {
    const auto dot = key.find(".start_idx");
    if (dot == std::string::npos) continue;
    const std::string item = key.substr(0, dot);
    const int64_t target = s.get<int64_t>();
    const at::Tensor x = item.starts_with("baseline") ? history_input(video, target, kHistory)
                                                      : refinement_input(context, decoded, target);
    compare_tensor(result, key + " x", x[0], io.at(item + ".x"), 0, 1);
    compare_tensor(result, key + " target", truth[0].select(1, target), io.at(item + ".target"), 0, 1);
  }
  const WindowInputs all = refinement_inputs(context, decoded);
  const auto targets = config.at("targets").get<std::vector<int64_t>>();
  result.expect("targets",
                std::equal(targets.begin(), targets.end(), all.targets.const_data_ptr<int64_t>()) &&
                    all.targets.numel() == static_cast<int64_t>(targets.size()));
}

core::Array array(const GoldenTensors& io, const std::string& name) {
  return baselines::to_array(io.at(name));
}

at::Tensor doubles(const std::vector<double>& values, const at::Tensor& like) {
  at::Tensor copy = like.to(at::kDouble).clone();
  std::copy(values.begin(), values.end(), copy.data_ptr<double>());
  return copy;
}

void check_statistics(CaseResult& result, const core::Json& config, const GoldenTensors& io) {
  StatisticsGatherer gatherer;
  for (int i = 0; io.contains("video" + std::to_string(i)); ++i)
    gatherer.add(array(io, "video" + std::to_string(i)));
  const auto got = gatherer.result(), want = read_statistics(config.at("stats"), "config.json");
  result.expect("channels", got.size() == want.size());
  for (size_t c = 0; c < std::min(got.size(), want.size()); ++c) {
    const auto near = [&](const char* what, double a, double b) {
      result.compare("stats " + std::to_string(c) + " " + what, a, b, kDouble * std::abs(b));
    };
    near("min", got[c].min, want[c].min);
    near("max", got[c].max, want[c].max);
    near("mean", got[c].mean, want[c].mean);
    near("std", got[c].std, want[c].std);
    result.expect("stats count", got[c].count == want[c].count);
  }
  const core::Array video = array(io, "video0");
  const auto check = [&](const std::string& name, const ChannelScaling& scaling) {
    const at::Tensor exact = io.at(name + ".normalized_f64"), stored = io.at(name + ".normalized_f32");
    compare_tensor(result, name + " float64", doubles(scaling.apply(video), exact), exact, kDouble);
    compare_tensor(result, name + " float32", baselines::to_tensor(scaling.normalised(video)), stored,
                   kTensor);
    const at::Tensor restored = io.at(name + ".restored");
    compare_tensor(result, name + " restored",
                   doubles(scaling.restored(array(io, name + ".normalized_f32")), restored), restored,
                   kDouble);
  };
  for (const auto& [name, make] :
       {std::pair{"standard", &ChannelScaling::standard}, {"minmax", &ChannelScaling::minmax}})
    if (io.contains(std::string(name) + ".normalized_f32")) check(name, make(want));
}

void check_evaluation(CaseResult& result, const fs::path& folder) {
  const core::Json config = read_config(folder);
  const GoldenTensors io(folder / "io.safetensors");
  check_statistics(result, config, io);

  const auto field = [&](const char* name) {  // (C,T,H,W)
    return io.at(name).narrow(0, 0, kMetricFrames).permute({3, 0, 1, 2}).contiguous();
  };
  const at::Tensor x = field("video0"), y = field("video1");
  const core::Array xa = baselines::to_array(x), ya = baselines::to_array(y);
  for (const auto& name : io.names("metric.")) {
    const metrics::Values got = metrics::physix_metric(name, xa, ya);
    const at::Tensor want = io.at("metric." + name), mean = io.at("metric_mean." + name);
    const at::Tensor values = doubles(got.data, want);
    compare_tensor(result, "metric " + name, values, want, kDouble);
    compare_tensor(result, "metric mean " + name, values.mean().view({1}), mean, kDouble);
  }
  const at::Tensor per_frame = io.at("per_frame_vrmse");
  compare_tensor(result, "per_frame_vrmse", doubles(metrics::physix_frame_vrmse(xa, ya), per_frame),
                 per_frame, kDouble);

  compare_tensor(result, "loss.vrmse", field_loss("vrmse", x, y).view({1}), io.at("loss.vrmse"), kTensor);
  compare_tensor(result, "loss.nl1", field_loss("nl1", x, y).view({1}), io.at("loss.nl1"), kTensor);
  for (const auto& name : io.names("loss.mse_without_channel")) {
    const int64_t channel = std::stoll(name);
    compare_tensor(
        result, "loss.mse_without_channel" + name,
        field_loss("mse", without_channels(x, 0, {channel}), without_channels(y, 0, {channel})).view({1}),
        io.at("loss.mse_without_channel" + name), kTensor);
  }
  const at::Tensor frames = io.at("video0").permute({0, 3, 1, 2}).contiguous();
  for (const auto& name : io.names("resize_")) {
    const at::Tensor want = io.at("resize_" + name);
    compare_tensor(result, "resize_" + name, resize_to_cover(frames, want.size(2), want.size(3)), want,
                   kTensor);
  }
}

/// Check of a case by the beginning of its folder's name.
const std::map<std::string, void (*)(CaseResult&, const fs::path&)> kChecks = {
    {"unet_", check_unet}, {"refine_packing", check_packing}, {"eval", check_evaluation}};

void run(const fs::path& folder, const ReportCase& report) {
  std::vector<fs::path> cases;
  for (const auto& item : fs::directory_iterator(folder))
    if (item.is_directory()) cases.push_back(item.path());
  std::sort(cases.begin(), cases.end());
  for (const auto& path : cases)
    for (const auto& [prefix, check] : kChecks)
      if (path.filename().string().starts_with(prefix))
        run_case(path.filename().string(), report,
                 [&, body = check](CaseResult& result) { body(result, path); });
}

const SuiteRegistration registration({"tokenizers", "refinement", run});

}  // namespace
}  // namespace windtunnel::runners
