#include "core/json.h"
#include "core/random.h"
#include "core/safetensors.h"
#include "datasets/surrogate.h"
#include "runners/conformance/datasets_realpdebench.h"

namespace windtunnel::runners {

namespace fs = std::filesystem;
using core::Json;
using datasets::SurrogateClips;

namespace {

void check(const fs::path& root, const std::string& name, SurrogateClips::Flavour flavour,
           CaseResult& result) {
  const Json expected = core::read_json((root / "expected" / (name + ".json")).string()).at("surrogate");
  const core::SafetensorsFile tensors(root / "expected" / (name + ".safetensors"));
  const auto clips =
      SurrogateClips::open(datasets::load_scenario(name), root / "data", expected.at("step"), flavour);
  const auto ids = expected.at("sim_ids").get<std::vector<std::string>>();
  const bool cut = flavour == SurrogateClips::Flavour::arrow;
  const int64_t frames = expected.at("n_sim_frame");
  result.expect("frames", cut ? clips->frames() == frames : clips->frames() >= frames);
  result.expect("clips", cut ? clips->ids() == ids : clips->ids().size() == ids.size());
  const auto n = static_cast<int64_t>(ids.size()), starts = frames - clips->step();
  result.expect("rows", expected.at("rows") == n * starts);
  result.expect("len_train", expected.at("len_train") == datasets::surrogate_length(n, frames, false));
  result.expect("len_test", expected.at("len_test") == datasets::surrogate_length(n, frames, true));
  for (const auto& [count, length] : expected.at("len_test_by_n_sim").items())
    result.expect("len_test of " + count,
                  length == datasets::surrogate_length(std::stoll(count), frames, true));

  core::PythonRandom random(expected.at("python_seed"));
  int64_t k = 0;
  for (const auto& draw : expected.at("draws")) {
    const std::string id = random.choice(ids);
    const auto time = static_cast<int64_t>(random.below(static_cast<uint64_t>(starts)));
    const std::string stem = "surrogate.draw" + std::to_string(k++);
    result.expect(stem, draw.at(0) == id && draw.at(1) == time);
    const auto sample = clips->window(id, time);
    for (const auto& [part, got] : {std::pair(".input", &sample.input), {".target", &sample.target}}) {
      const core::Array want = tensors.floats(stem + part);
      result.expect(stem + part, got->shape == want.shape && got->data == want.data);
    }
  }
}

void run(const fs::path& folder, const Report& report) {
  const fs::path root = folder / "realpdebench";
  for (const auto& name : realpdebench_scenarios(folder)) {
    const Json expected = core::read_json((root / "expected" / (name + ".json")).string());
    if (!expected.contains("surrogate") || expected.at("surrogate").is_null()) continue;
    for (const auto& [flavour, label] :
         {std::pair(SurrogateClips::Flavour::hdf5, "hdf5"), {SurrogateClips::Flavour::arrow, "arrow"}})
      run_case("surrogate/" + name + "/" + label, report,
               [&, f = flavour](CaseResult& r) { check(root, name, f, r); });
  }
}

const SuiteRegistration registration{{"datasets", "surrogate", run}};

}  // namespace
}  // namespace windtunnel::runners
