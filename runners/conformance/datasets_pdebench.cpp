#include "core/json.h"
#include "core/safetensors.h"
#include "datasets/formats/pdebench_file.h"
#include "runners/conformance/datasets_realpdebench.h"

namespace windtunnel::runners {

namespace fs = std::filesystem;
using core::Json;

namespace {

datasets::PdebenchOptions options_of(const Json& entry) {
  datasets::PdebenchOptions o;
  o.initial_step = entry.value("initial_step", o.initial_step);
  o.reduced_resolution = entry.value("reduced_resolution", o.reduced_resolution);
  o.reduced_resolution_t = entry.value("reduced_resolution_t", o.reduced_resolution_t);
  o.reduced_batch = entry.value("reduced_batch", o.reduced_batch);
  o.test_ratio = entry.value("test_ratio", o.test_ratio);
  o.test = entry.value("if_test", o.test);
  o.num_samples_max = entry.value("num_samples_max", o.num_samples_max);
  o.test_last = entry.value("loader", "") == "seed groups";
  return o;
}

void check_case(const fs::path& folder, const Json& entry, const core::SafetensorsFile& tensors,
                CaseResult& result) {
  const datasets::PdebenchSamples samples(folder / entry.at("file").get<std::string>(), options_of(entry));
  result.expect("length", entry.at("length") == samples.size());
  for (const auto& index : entry.at("indices")) {
    const auto item = samples.item(index.get<int64_t>());
    for (const auto& [key, got] : item) {
      const std::string name = entry.at("tag").get<std::string>() + ".i" + index.dump() + "." + key;
      const core::Array want = tensors.floats(name);
      result.expect(name + " shape", got.shape == want.shape);
      result.expect(name, got.data == want.data);
    }
  }
}

void run(const fs::path& folder, const Report& report) {
  const fs::path root = folder / "pdebench", list = root / "expected.json";
  if (!fs::exists(list)) return;
  const Json expected = core::read_json(list.string());
  const core::SafetensorsFile tensors(root / "expected.safetensors");
  for (const auto& entry : expected.at("cases"))
    run_case("pdebench/" + entry.at("tag").get<std::string>(), report,
             [&](CaseResult& r) { check_case(root, entry, tensors, r); });
}

const SuiteRegistration registration{{"datasets", "pdebench", run}};

}  // namespace
}  // namespace windtunnel::runners
