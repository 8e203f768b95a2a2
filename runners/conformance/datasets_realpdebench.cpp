#include "runners/conformance/datasets_realpdebench.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "core/json.h"
#include "core/safetensors.h"
#include "datasets/dataset.h"
#include "datasets/normalizer.h"

namespace windtunnel::runners {

namespace fs = std::filesystem;
using core::Json;
using datasets::Normalizer;
using datasets::Scenario;
using datasets::Side;
using datasets::WindowDataset;
using datasets::WindowOptions;

namespace {

constexpr double kStatisticTolerance = 1e-5;  // float32 accumulation of the reference

/// The part of a data root that the Arrow distribution consists of, as links in a folder of its own: reading
/// it cannot fall back on the files of the HDF5 flavour.
class ArrowRoot {
 public:
  ArrowRoot(const fs::path& root, const std::string& name)
      : path_(fs::temp_directory_path() / ("windtunnel-arrow-" + std::to_string(::getpid()) + "-" + name)) {
    fs::remove_all(path_);
    fs::create_directories(path_ / name);
    if (fs::exists(root / "version.json"))
      fs::create_symlink(fs::absolute(root / "version.json"), path_ / "version.json");
    for (const auto& entry : fs::directory_iterator(root / name))
      if (entry.path().filename() == "hf_dataset" || entry.path().extension() == ".json")
        fs::create_symlink(fs::absolute(entry.path()), path_ / name / entry.path().filename());
  }
  ~ArrowRoot() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ArrowRoot(const ArrowRoot&) = delete;
  ArrowRoot& operator=(const ArrowRoot&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// One scenario of the golden data, read through one format.
struct Golden {
  Golden(const fs::path& folder, const std::string& name, const std::string& format)
      : root(folder / "realpdebench" / "data"),
        expected(core::read_json((folder / "realpdebench" / "expected" / (name + ".json")).string())),
        tensors(folder / "realpdebench" / "expected" / (name + ".safetensors")),
        scenario(datasets::load_scenario(name)) {
    const Json& meta = expected.at("meta");
    const Json& arguments = meta.at("constructor_args");
    scenario.in_frames = arguments.at("in_step");
    scenario.out_frames = arguments.at("out_step");
    scenario.interval = arguments.at("interval");
    scenario.trunk_length = arguments.at("trunk_length");
    scenario.frames = arguments.at("n_sim_frame");
    scenario.held_out_in_dist = arguments.at("n_sim_in_distribution");
    scenario.held_out_out_dist = arguments.at("n_sim_out_distribution");
    scenario.stride = {{Side::real, meta.at("sub_s_real")}, {Side::numerical, meta.at("sub_s_numerical")}};
    scenario.formats = {format};
    if (format == "realpdebench_arrow") {
      arrow = std::make_unique<ArrowRoot>(root, name);
      root = arrow->path();
    }
  }

  std::unique_ptr<WindowDataset> dataset(const std::string& side, const std::string& mode,
                                         const std::string& subset, int64_t rounds, double mask_prob,
                                         double noise_scale = 0) const {
    WindowOptions options;
    options.side = datasets::parse_side(side);
    options.mode = mode;
    options.subset = subset;
    options.rounds = rounds;
    options.mask_prob = mask_prob;
    options.noise.scale = noise_scale;
    options.protocol = "published";
    return std::make_unique<WindowDataset>(scenario, root, options);
  }
  std::unique_ptr<WindowDataset> numerical_training(double mask_prob, double noise_scale = 0) const {
    return dataset("numerical", "train", "all", 1, mask_prob, noise_scale);
  }

  std::unique_ptr<ArrowRoot> arrow;
  fs::path root;
  Json expected;
  core::SafetensorsFile tensors;
  Scenario scenario;
};

/// Equal shape and equal values (NaN nowhere); the largest difference is recorded, zero being required.
void compare_exactly(CaseResult& result, const std::string& what, const core::Array& got,
                     const core::Array& expected) {
  if (got.shape != expected.shape) {
    result.expect(
        what + " shape " + core::to_string(got.shape) + " expected " + core::to_string(expected.shape),
        false);
    return;
  }
  size_t differing = 0;
  for (size_t i = 0; i < got.data.size(); ++i) differing += !(got.data[i] == expected.data[i]);
  result.expect(
      what + " (" + std::to_string(differing) + " of " + std::to_string(got.data.size()) + " values)",
      differing == 0);
}

void check_index(const Golden& golden, CaseResult& result) {
  for (const auto& [key, list] : golden.expected.at("index").items()) {
    const auto parts = [&] {
      std::vector<std::string> out(1);
      for (const char c : key) {
        if (c == '/')
          out.emplace_back();
        else
          out.back() += c;
      }
      return out;
    }();
    const auto dataset =
        golden.dataset(parts.at(0), parts.at(1), parts.at(2), std::stoll(parts.at(3).substr(1)), 0);
    bool equal = dataset->size() == static_cast<int64_t>(list.size());
    for (int64_t i = 0; equal && i < dataset->size(); ++i) {
      const auto& window = dataset->window(i);
      const Json& entry = list[static_cast<size_t>(i)];
      equal = entry.at(0) == window.trajectory && entry.at(1) == window.time;
    }
    result.expect(key, equal);
  }
}

void check_samples(const Golden& golden, CaseResult& result) {
  for (const auto& entry : golden.expected.at("samples")) {
    const std::string name = entry.at("name");
    const auto dataset = golden.dataset(entry.at("dataset_type"), entry.at("mode"), "all",
                                        entry.at("N_autoregressive"), entry.at("mask_prob"));
    const auto sample = dataset->sample(entry.at("index").get<int64_t>(), uint64_t{0});
    result.expect(name + " window",
                  entry.at("sim_id") == sample.trajectory && entry.at("time_id") == sample.time);
    result.expect(name + " truncated",
                  entry.at("truncated").get<bool>() == (sample.target.shape[0] < dataset->target_shape()[0]));
    result.expect(name + " shapes", entry.at("input_shape").get<core::Shape>() == sample.input.shape &&
                                        entry.at("target_shape").get<core::Shape>() == sample.target.shape);
    compare_exactly(result, name + " input", sample.input, golden.tensors.floats(name + ".input"));
    compare_exactly(result, name + " target", sample.target, golden.tensors.floats(name + ".target"));
  }
}

void check_masks(const Golden& golden, CaseResult& result) {
  const Json& trace = golden.expected.at("mask_trace");
  const auto dataset = golden.numerical_training(trace.at("mask_prob"));
  const auto draws = datasets::published_draws(trace.at("python_seed"), 0);
  const int64_t measured = golden.scenario.evaluated_channels(), channels = golden.scenario.channels();
  int64_t i = 0;
  for (const auto& expected : trace.at("masked")) {
    const auto sample = dataset->sample(i, *draws);
    bool zero = true;
    for (size_t k = 0; k < sample.target.data.size(); ++k)
      zero = zero && (static_cast<int64_t>(k) % channels < measured || sample.target.data[k] == 0);
    result.expect("mask of sample " + std::to_string(i++), zero == expected.get<bool>());
  }
}

void check_noise(const Golden& golden, CaseResult& result) {
  const Json& settings = golden.expected.at("noise");
  const auto dataset = golden.numerical_training(settings.at("mask_prob"), settings.at("noise_scale"));
  const auto draws = datasets::published_draws(0, settings.at("torch_seed"));
  const auto sample = dataset->sample(settings.at("index").get<int64_t>(), *draws);
  compare_exactly(result, "input", sample.input, golden.tensors.floats("noise.gaussian.input"));
  compare_exactly(result, "target", sample.target, golden.tensors.floats("noise.gaussian.target"));
}

void compare_vector(CaseResult& result, const std::string& what, const std::vector<float>& got,
                    const std::vector<float>& expected, const std::vector<float>& scale) {
  result.expect(what + " channels", got.size() == expected.size());
  for (size_t c = 0; c < std::min(got.size(), expected.size()); ++c)
    result.compare(what + " channel " + std::to_string(c), got[c], expected[c],
                   kStatisticTolerance * scale[c]);
}

/// A deviation relative to the value itself: an expected zero must be met exactly.
std::vector<float> magnitudes(const std::vector<float>& values) {
  std::vector<float> out;
  for (const float v : values) out.push_back(std::max(std::abs(v), 1e-30f));
  return out;
}

void check_gaussian(const Golden& golden, CaseResult& result) {
  for (const auto& [name, settings] : golden.expected.at("normalizers").items()) {
    if (name.rfind("gaussian.", 0) != 0) continue;
    const auto dataset = golden.numerical_training(settings.at("mask_prob"));
    result.expect(name + " windows", dataset->size() == settings.at("n").get<int64_t>());
    datasets::StatisticsOptions options;
    options.protocol = "published";
    options.batch = settings.at("batch_size");
    options.quiet = true;
    const Normalizer n = measure(*dataset, options);
    for (const bool target : {false, true}) {
      const std::string suffix = target ? "_targets" : "_inputs";
      const auto mean = golden.tensors.floats(name + ".mean" + suffix).data;
      const auto deviation = golden.tensors.floats(name + ".std" + suffix).data;
      std::vector<float> scale = magnitudes(deviation);
      for (size_t c = 0; c < scale.size(); ++c) scale[c] += std::abs(mean[c]);
      const auto& got = target ? n.target_scale() : n.input_scale();
      compare_vector(result, name + ".mean" + suffix, target ? n.target_shift() : n.input_shift(), mean,
                     scale);
      compare_vector(result, name + ".std" + suffix, got, deviation, magnitudes(deviation));
      Json zeros = Json::array();
      for (size_t c = 0; c < got.size(); ++c)
        if (got[c] == 0) zeros.push_back(c);
      result.expect(name + ".zero_std" + suffix, zeros == settings.at("zero_std" + suffix));
    }
  }
}

void check_range(const Golden& golden, CaseResult& result) {
  for (const int mask : {0, 1}) {
    const std::string name = "range.mask" + std::to_string(mask);
    datasets::StatisticsOptions options;
    options.kind = "range";
    options.protocol = "published";
    options.quiet = true;
    const Normalizer n = measure(*golden.numerical_training(mask), options);
    result.expect(name + ".max_inputs", n.input_scale() == golden.tensors.floats(name + ".max_inputs").data);
    result.expect(name + ".max_targets",
                  n.target_scale() == golden.tensors.floats(name + ".max_targets").data);
  }
}

Normalizer stored(const Golden& golden, const std::string& kind, const std::string& mask) {
  const auto values = [&](const std::string& name) { return golden.tensors.floats(kind + mask + name).data; };
  if (kind == "gaussian")
    return {kind, values(".bs512.mean_inputs"), values(".bs512.std_inputs"), values(".bs512.mean_targets"),
            values(".bs512.std_targets")};
  const auto inputs = values(".max_inputs"), targets = values(".max_targets");
  return {kind, std::vector<float>(inputs.size()), inputs, std::vector<float>(targets.size()), targets};
}

void check_processing(const Golden& golden, CaseResult& result) {
  for (const std::string kind : {"gaussian", "range"})
    for (const int flag : {0, 1}) {
      const std::string mask = ".mask" + std::to_string(flag);
      const Normalizer n = stored(golden, kind, mask);
      auto sample = golden.numerical_training(flag)->sample(0, uint64_t{0});
      const auto batched = [](core::Array a) {
        a.shape.insert(a.shape.begin(), 1);
        return a;
      };
      const auto points = [](const core::Array& a) { return a.numel() / a.shape.back(); };
      core::Array &x = sample.input, &y = sample.target;
      n.apply_input(x.data.data(), points(x), x.shape.back());
      n.apply_target(y.data.data(), points(y), y.shape.back());
      compare_exactly(result, kind + mask + " input", batched(x),
                      golden.tensors.floats(kind + mask + ".preprocess.input"));
      compare_exactly(result, kind + mask + " target", batched(y),
                      golden.tensors.floats(kind + mask + ".preprocess.target"));
      n.invert_target(y.data.data(), points(y), y.shape.back());
      compare_exactly(result, kind + mask + " back", batched(y),
                      golden.tensors.floats(kind + mask + ".postprocess.target"));
    }
}

}  // namespace

std::vector<std::string> realpdebench_scenarios(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder / "realpdebench" / "expected"))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

void check_realpdebench(const fs::path& folder, const std::string& scenario, const std::string& format,
                        const Report& report) {
  const auto golden = std::make_shared<Golden>(folder, scenario, format);
  const std::vector<std::pair<const char*, void (*)(const Golden&, CaseResult&)>> checks = {
      {"index", check_index},          {"samples", check_samples},   {"masks", check_masks},
      {"noise", check_noise},          {"gaussian", check_gaussian}, {"range", check_range},
      {"processing", check_processing}};
  for (const auto& [name, check] : checks)
    run_case(format + "/" + scenario + "/" + name, report,
             [&, check = check](CaseResult& r) { check(*golden, r); });
}

}  // namespace windtunnel::runners
