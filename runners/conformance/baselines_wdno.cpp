#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

#include "baselines/adam.h"
#include "baselines/checkpoint.h"
#include "baselines/layers.h"
#include "baselines/presets.h"
#include "baselines/wdno/schedule.h"
#include "baselines/wdno/wdno.h"
#include "core/error.h"
#include "core/text.h"
#include "runners/conformance/baselines_b.h"

// Golden cases of WDNO: wavelets, schedules, the denoiser, the loss and both samplers with given noise.
namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using baselines::Wdno;

constexpr double kTransform = 1e-5;  // wavelets, states, rescaler; of the standard deviation
constexpr double kDenoiser = 3e-4;   // of the standard deviation
constexpr double kLoss = 1e-4;       // relative
constexpr double kGradient = 2e-3;   // of the gradient's norm
constexpr double kVanishing = 1e-6;  // gradients below this fraction of the largest count as zero
constexpr double kTrained = 5e-3;    // of the standard deviation
constexpr double kEstimate =
    1e-2;                         // clean-state estimates: the first steps amplify rounding up to 1825 times
constexpr double kSample = 2e-3;  // of the standard deviation

core::Json wdno_options(core::Json config) {
  for (const char* key : {"channels", "sampling_timesteps"})
    if (config.contains(key) && (std::string(key) == "channels" || config.at(key).is_null()))
      config.erase(key);
  return config;
}

std::vector<double> numbers(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kDouble).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

void check_wavelets(CaseResult& result, const fs::path& json) {
  const core::Json golden = core::read_json(json);
  fs::path file = json;
  const GoldenTensors tensors(file.replace_extension(".safetensors"));
  for (const auto& item : golden.at("items")) {
    const std::string index = std::to_string(item.at("index").get<int64_t>()) + "/";
    const std::string wavelet = item.at("wavelet").get<std::string>();
    const baselines::wdno::FilterBank bank{
        numbers(tensors.at(index + "dec_lo")), numbers(tensors.at(index + "dec_hi")),
        numbers(tensors.at(index + "rec_lo")), numbers(tensors.at(index + "rec_hi"))};
    const auto own = baselines::wdno::filter_bank(wavelet);
    result.expect(wavelet + " filter length", own.dec_lo.size() == bank.dec_lo.size());
    for (size_t i = 0; i < std::min(own.dec_lo.size(), bank.dec_lo.size()); ++i) {
      result.compare(wavelet + " dec_lo", own.dec_lo[i], bank.dec_lo[i], 1e-10);
      result.compare(wavelet + " dec_hi", own.dec_hi[i], bank.dec_hi[i], 1e-10);
      result.compare(wavelet + " rec_lo", own.rec_lo[i], bank.rec_lo[i], 1e-10);
      result.compare(wavelet + " rec_hi", own.rec_hi[i], bank.rec_hi[i], 1e-10);
    }
    const at::Tensor data = tensors.at(index + "data");  // (N,T,H,W)
    const baselines::wdno::Transform transform(bank, golden.value("mode", "zero"),
                                               {data.size(1), data.size(2), data.size(3)});
    const at::Tensor coefficients = transform.analyse(data.unsqueeze(-1));
    compare_by_deviation(result, index + wavelet + " coef", coefficients.permute({0, 4, 1, 2, 3}),
                         tensors.at(index + "coef"), kTransform);
    at::Tensor expected = tensors.at(index + "rec");  // may be one longer per axis
    for (int64_t axis = 1; axis < 4; ++axis) expected = expected.narrow(axis, 0, data.size(axis));
    compare_by_deviation(result, index + wavelet + " rec", transform.synthesise(coefficients).squeeze(-1),
                         expected, kTransform);
  }
}

void check_schedules(CaseResult& result, const fs::path& json) {
  const core::Json golden = core::read_json(json);
  fs::path file = json;
  const GoldenTensors tensors(file.replace_extension(".safetensors"));
  for (const auto& name : tensors.names()) {
    const auto parts = core::split(name, '/');
    const auto expected = numbers(tensors.at(name));
    const auto betas = baselines::wdno::betas(parts.at(0), static_cast<int64_t>(expected.size()));
    const auto levels = baselines::wdno::schedule_buffers(betas).at(1).second;
    for (size_t i = 0; i < expected.size(); ++i)
      if (parts.at(1) == "betas_f64")
        result.compare(name, betas[i], expected[i], 1e-12);
      else
        result.compare(name, levels[i], expected[i], 1e-6 * std::abs(expected[i]));
  }
  const std::string prefix = "ddim_times_T";
  for (const auto& [key, lists] : golden.items())
    if (key.starts_with(prefix))
      for (const auto& [samples, times] : lists.items())
        result.expect(key + " K = " + samples,
                      baselines::wdno::ddim_times(std::stoll(key.substr(prefix.size())),
                                                  std::stoll(samples)) == times.get<std::vector<int64_t>>());
}

/// Keeps every value of the samplers in order.
class SamplerLog : public baselines::Trace {
 public:
  void value(const std::string& name, const at::Tensor& value) override {
    if (name.starts_with("sampler.")) values[name.substr(8)].push_back(value.clone());
  }
  std::map<std::string, std::vector<at::Tensor>> values;
};

struct WdnoCase {
  core::Json json;
  GoldenTensors tensors;
  StateDict weights;
  fs::path rescaler;
  std::string origin;

  explicit WdnoCase(const fs::path& path)
      : json(core::read_json(path)),
        tensors(fs::path(path).replace_extension(".safetensors")),
        origin(path.string()) {
    weights = baselines::load_weights(fs::path(path).replace_extension(".pth")).state;
    const std::string start = path.stem().string() + "_wdno_rescaler_";
    for (const auto& entry : fs::directory_iterator(path.parent_path()))
      if (entry.path().filename().string().starts_with(start)) rescaler = entry.path();
    if (rescaler.empty())
      throw data_error("no file " + start + "*.pt beside " + origin, "the case's rescaler");
  }
  std::shared_ptr<Wdno> make(const std::string& kernels, bool with_rescaler) const {
    core::Json options = wdno_options(json.at("config"));
    options["kernels"] = kernels;
    if (with_rescaler) options["rescaler"] = rescaler.string();
    auto model = std::dynamic_pointer_cast<Wdno>(baselines::make_baseline(
        "wdno", golden_context(json.at("shape_in"), json.at("shape_out")), options, origin));
    model->load_state(weights, origin);
    return model;
  }
  at::Tensor loss(Wdno& model) const {
    return model.loss_at(tensors.at("input"), tensors.at("target"), tensors.at("loss/t"),
                         tensors.at("loss/noise"));
  }
};

void check_rescaler(CaseResult& result, const WdnoCase& golden, const std::string& kernels) {
  const auto computed = golden.make(kernels, false);
  compare_state_layout(result, computed->state(), golden.json.at("state_dict"));
  compare_state_values(result, "state after loading", computed->state(), golden.weights);
  result.expect("parameter count",
                computed->parameter_count() == golden.json.at("num_params").get<int64_t>());
  for (int64_t k = 0; golden.tensors.contains("dataset/" + std::to_string(k) + "/input"); ++k) {
    const std::string sample = "dataset/" + std::to_string(k) + "/";
    computed->observe(golden.tensors.at(sample + "input").unsqueeze(0),
                      golden.tensors.at(sample + "target").unsqueeze(0));
  }
  const at::Tensor expected = golden.tensors.at("rescaler_file");
  compare_by_deviation(result, "computed rescaler", computed->rescaler(), expected, kTransform);
  const auto read = golden.make(kernels, true);
  result.expect("rescaler file", read->rescaler().equal(expected));
  compare_by_deviation(result, "rescaler used", read->scale(), golden.tensors.at("rescaler_used"),
                       kTransform);
}

void check_loss(CaseResult& result, const WdnoCase& golden, const std::string& kernels) {
  const auto model = golden.make(kernels, true);
  const auto noisy = model->diffuse(golden.tensors.at("input"), golden.tensors.at("target"),
                                    golden.tensors.at("loss/t"), golden.tensors.at("loss/noise"));
  compare_by_deviation(result, kernels + " model_input", noisy.input, golden.tensors.at("loss/model_input"),
                       kTransform);
  compare_by_deviation(result, kernels + " noise_target", noisy.target,
                       golden.tensors.at("loss/noise_target"), kTransform);
  {
    at::NoGradGuard guard;
    Recorder recorder(Recorder::Dropout::off);
    compare_by_deviation(result, kernels + " model_output",
                         model->denoise(golden.tensors.at("loss/model_input"), golden.tensors.at("loss/t")),
                         golden.tensors.at("loss/model_output"), kDenoiser);
    for (const auto& name : golden.tensors.names("act/")) {
      const auto value = recorder.values().find(name);
      result.expect(kernels + " act " + name + " is traced", value != recorder.values().end());
      if (value != recorder.values().end())
        compare_by_deviation(result, kernels + " act " + name, value->second,
                             golden.tensors.at("act/" + name), kDenoiser);
    }
  }
  const at::Tensor loss = golden.loss(*model);
  const double expected_loss = golden.json.at("loss").get<double>();
  result.compare(kernels + " loss", loss.item<double>(), expected_loss, kLoss * std::abs(expected_loss));
  loss.backward();
  compare_golden_gradients(result, *model, golden.json.at("grad_l2"), golden.tensors, kernels, golden.origin,
                           {kGradient, kVanishing});
}

void check_training(CaseResult& result, const WdnoCase& golden, const std::string& kernels) {
  const auto model = golden.make(kernels, true);
  model->train();
  repeat_golden_updates(result, *model, golden.json.at("train_steps"), golden.tensors, kernels, golden.origin,
                        [&] { return golden.loss(*model); }, {kLoss, kGradient, kTrained});
}

void check_sampling(CaseResult& result, const WdnoCase& golden, const std::string& kernels) {
  const auto model = golden.make(kernels, true);
  const at::Tensor x = golden.tensors.at("input").narrow(0, 0, 1);
  const at::Tensor start = golden.tensors.at("sample/start_noise");
  int64_t draws = 0;
  const auto noise = [&] {
    const int64_t draw = draws++;
    return draw == 0 ? start : golden.tensors.at("sample/step_noise/" + std::to_string(draw - 1));
  };
  SamplerLog log;
  const at::Tensor output = model->sample(x, noise, model->options().ddim_sampling_eta);
  result.expect(kernels + " noise draws",
                !golden.tensors.contains("sample/step_noise/" + std::to_string(draws - 1)));
  compare_by_deviation(result, kernels + " sample", output, golden.tensors.at("sample/eta/output"), kSample);

  const auto& times = golden.json.at("sampling").at("times");
  result.expect(kernels + " sampler steps", log.values["x_in"].size() == times.size());
  const std::map<std::string, std::pair<std::string, double>> quantities = {
      {"x_in", {"x_in", kSample}},
      {"model_output", {"model_output", kSample}},
      {"x_start", {"x_start", kEstimate}},
      {"pred_noise", {"pred_noise_rederived", kEstimate}}};
  for (const auto& [own, published] : quantities) {
    const auto& values = log.values[own];
    const std::pair<const char*, size_t> places[] = {{"step0", 0}, {"step1", 1}, {"last", values.size() - 1}};
    for (const auto& [place, index] : places) {
      const std::string name = std::string("sample/eta/") + place + "/" + published.first;
      if (index < values.size() && golden.tensors.contains(name))
        compare_by_deviation(result, kernels + " " + name, values[index], golden.tensors.at(name),
                             published.second);
    }
  }
  if (golden.tensors.contains("sample/eta0_/output")) {
    bool first = true;
    const auto only_start = [&] { return std::exchange(first, false) ? start : at::zeros_like(start); };
    compare_by_deviation(result, kernels + " sample, eta 0", model->sample(x, only_start, 0),
                         golden.tensors.at("sample/eta0_/output"), kSample);
  }
}

const std::map<std::string, std::pair<baselines::SampleShape, baselines::SampleShape>> kScenarios = {
    {"cylinder", {{20, 64, 128, 3}, {20, 64, 128, 3}}},
    {"controlled_cylinder", {{10, 64, 128, 5}, {10, 64, 128, 3}}},
    {"fsi", {{20, 64, 64, 3}, {20, 64, 64, 3}}},
    {"foil", {{20, 64, 128, 3}, {20, 64, 128, 3}}},
    {"combustion", {{20, 64, 64, 16}, {20, 64, 64, 16}}},
};

void check_parameters(CaseResult& result, const std::string& scenario, const core::Json& expected) {
  const auto shapes = kScenarios.find(scenario);
  if (shapes == kScenarios.end()) throw data_error("scenario '" + scenario + "'", "a published scenario");
  const baselines::ShapeOnly shape_only;
  const auto model =
      baselines::make_baseline("wdno", {shapes->second.first, shapes->second.second, "published"},
                               baselines::preset("wdno", "published", scenario).at("model"));
  compare_state_layout(result, model->state(), expected.at("state_dict"));
  result.expect("parameter count",
                model->parameter_count() == expected.at("num_params_as_logged").get<int64_t>());
  int64_t trainable = 0;
  for (const auto& parameter : model->trainable_parameters()) trainable += parameter.numel();
  result.expect("trainable parameters", trainable == expected.at("num_params_requires_grad").get<int64_t>());
}

void check_initial_values(CaseResult& result, const core::Json& shapes, const core::Json& expected) {
  std::map<std::string, std::vector<at::Tensor>> draws;
  for (int64_t seed = 0; seed < expected.value("seeds", int64_t{8}); ++seed)
    for (const auto& item :
         baselines::make_baseline("wdno", golden_context(shapes.at("shape_in"), shapes.at("shape_out")),
                                  wdno_options(expected.at("config")))
             ->named_parameters())
      draws[item.key()].push_back(item.value().detach().flatten());
  constexpr double kSigmas = 6;
  for (const auto& [name, golden] : expected.at("parameters").items()) {
    const auto found = draws.find("model." + name);
    result.expect(name + " exists", found != draws.end());
    if (found == draws.end()) continue;
    const at::Tensor values = at::cat(found->second).to(at::kDouble);
    const double n = golden.at("n").get<double>(), deviation = golden.at("std").get<double>();
    const double error = kSigmas * deviation * std::sqrt(2 / n) + 1e-7;
    result.expect(name + " count", static_cast<double>(values.numel()) == n);
    result.compare(name + " mean", values.mean().item<double>(), golden.at("mean").get<double>(), error);
    result.compare(name + " deviation", values.std(false).item<double>(), deviation, error);
  }
}

void run(const fs::path& folder, const std::function<void(const CaseResult&)>& report) {
  for (const auto& json : case_files(folder / "wdno"))
    run_case("wdno/" + json.stem().string(), report, [&](CaseResult& result) {
      const core::Json golden = core::read_json(json);
      if (golden.contains("items")) return check_wavelets(result, json);
      if (!golden.contains("config")) return check_schedules(result, json);
      const WdnoCase model_case(json);
      for (const char* kernels : {"fast", "reference"}) {
        check_rescaler(result, model_case, kernels);
        check_loss(result, model_case, kernels);
        check_training(result, model_case, kernels);
        check_sampling(result, model_case, kernels);
      }
    });
  if (const fs::path file = folder / "params-b.json"; fs::exists(file)) {
    const core::Json published = core::read_json(file);
    for (const auto& [key, expected] : published.items())
      if (key.starts_with("wdno/"))
        run_case("params-b/" + key, report, [&, scenario = key.substr(5)](CaseResult& result) {
          check_parameters(result, scenario, expected);
        });
  }
  if (const fs::path file = folder / "init_stats-b.json"; fs::exists(file)) {
    const core::Json drawn = core::read_json(file);
    for (const auto& [name, expected] : drawn.items())
      if (const fs::path json = folder / "wdno" / (name + ".json"); fs::exists(json))
        run_case("init_stats-b/" + name, report,
                 [&](CaseResult& result) { check_initial_values(result, core::read_json(json), expected); });
  }
}

const SuiteRegistration registration({"baselines", "wdno", run});

}  // namespace
}  // namespace windtunnel::runners
