#include "core/json.h"
#include "core/random.h"
#include "core/safetensors.h"
#include "datasets/normalizer.h"
#include "datasets/split.h"
#include "runners/conformance/datasets_realpdebench.h"

namespace windtunnel::runners {

namespace fs = std::filesystem;
using core::Json;
using core::PythonRandom;
using datasets::Side;

namespace {

/// Python seeds with the magnitude of an integer.
uint64_t python_seed(const std::string& text) { return std::stoull(text[0] == '-' ? text.substr(1) : text); }

void check_generator(const Json& expected, uint64_t seed, CaseResult& result) {
  for (const auto& [what, values] : expected.items()) {
    PythonRandom random(seed);
    Json got = Json::array();
    if (what.rfind("shuffle", 0) == 0) {
      std::vector<int64_t> list(values.size());
      for (size_t i = 0; i < list.size(); ++i) list[i] = static_cast<int64_t>(i);
      random.shuffle(list);
      got = list;
    } else if (what.rfind("getrandbits", 0) == 0) {
      const int bits = std::stoi(what.substr(11));
      for (size_t i = 0; i < values.size(); ++i) got.push_back(random.getrandbits(bits));
    } else if (what.rfind("choice_of_", 0) == 0) {
      const uint64_t n = std::stoull(what.substr(10));
      for (size_t i = 0; i < values.size(); ++i) got.push_back(random.below(n));
    } else {
      for (size_t i = 0; i < values.size(); ++i) got.push_back(random.random());
    }
    result.expect(what, got == values);
  }
}

void check_defaults(const Json& expected, const std::string& name, CaseResult& result) {
  const auto s = datasets::load_scenario(name);
  const Json& h = expected.at("h5");
  const auto equal = [&](const char* key, const Json& got) { result.expect(key, h.at(key) == got); };
  equal("in_step", s.in_frames);
  equal("out_step", s.out_frames);
  equal("interval", s.interval);
  equal("trunk_length", s.trunk_length);
  equal("n_sim_frame", s.frames);
  equal("n_sim_in_distribution", s.held_out_in_dist);
  equal("n_sim_out_distribution", s.held_out_out_dist);
  equal("mask_prob", s.mask_prob);
  equal("train_ratio", s.train_ratio);
  equal("sub_s_real", s.side_stride(Side::real));
  equal("sub_s_numerical", s.side_stride(Side::numerical));
  const Json& g = expected.at("geometry");
  result.expect("geometry", s.geometry
                                ? g.at("d") == s.geometry->d && g.at("center_x") == s.geometry->center_x &&
                                      g.at("center_y") == s.geometry->center_y
                                : g.at("d").is_null());
  result.expect("file_name_pattern", expected.at("file_name_pattern") == s.file_pattern);
  result.expect("condition_on_para", expected.at("condition_on_para") == s.condition_on_parameters);
}

Json pairs(const std::vector<datasets::WindowRef>& windows) {
  Json list = Json::array();
  for (const auto& w : windows) list.push_back(Json::array({w.trajectory, w.time}));
  return list;
}

Json group(const std::vector<datasets::TrajectoryName>& names) {
  Json object = Json::object();
  for (const auto& name : names) object[name.id] = name.parameters;
  return object;
}

/// Parsed JSON loses the order of keys, which decides ties: the names in their order of appearance in the
/// text.
std::vector<std::string> key_order(const std::string& text, const std::string& split) {
  std::vector<std::string> keys;
  size_t at = text.find("\"file_params_in_listing_order\"", text.find("\"" + split + "\""));
  const size_t end = text.find('}', at);
  at = text.find('{', at);
  while ((at = text.find('"', at)) < end) {
    const size_t close = text.find('"', at + 1);
    keys.push_back(text.substr(at + 1, close - at - 1));
    at = close + 1;
  }
  return keys;
}

void check_split(const fs::path& folder, const std::string& name, Side side, CaseResult& result) {
  const std::string path = (folder / "realpdebench" / "expected" / (name + ".json")).string();
  const std::string text = core::read_file(path);
  const Json all = core::parse_json(text, path);
  const std::string key = std::string("split_") + to_string(side);
  const Json& expected = all.at(key);
  const Json& arguments = all.at("meta").at("constructor_args");
  auto s = datasets::load_scenario(name);
  s.in_frames = arguments.at("in_step");
  s.out_frames = arguments.at("out_step");
  s.interval = arguments.at("interval");
  s.trunk_length = arguments.at("trunk_length");
  s.frames = arguments.at("n_sim_frame");
  s.held_out_in_dist = arguments.at("n_sim_in_distribution");
  s.held_out_out_dist = arguments.at("n_sim_out_distribution");

  const Json& files = expected.at("file_params_in_listing_order");
  std::vector<datasets::TrajectoryName> names;
  for (const auto& id : key_order(text, key)) {
    const auto parameters = s.parse_name(id);
    result.expect("parameters of " + id, parameters && files.at(id) == *parameters);
    names.push_back({id, parameters.value_or(std::vector<double>()), 0});
  }
  result.expect("number of files", names.size() == files.size());

  datasets::SplitCounts before, after;
  const auto split = published_split(s, names, side, expected.at("python_seed"), false, &before, &after);
  const auto count = [&](const Json& object, const char* what, int64_t got) {
    result.expect(what, object.at(what) == got);
  };
  const Json& b = expected.at("counts_before");
  count(b, "n_sim", before.trajectories);
  count(b, "n_data_per_sim", before.per_trajectory);
  count(b, "n_data_train", before.train);
  count(b, "n_data_val", before.val);
  count(b, "n_data_test", before.test);
  count(b, "n_sim_in_distribution", before.in_dist);
  count(b, "n_sim_out_distribution", before.out_dist);
  const Json& a = expected.at("counts_after");
  count(a, "n_sim_in_distribution", after.in_dist);
  count(a, "n_sim_out_distribution", after.out_dist);
  count(a, "n_data_in_distribution", after.windows_in_dist);
  count(a, "n_data_out_distribution", after.windows_out_dist);
  count(a, "n_data_remain", after.windows_remain);
  result.expect("in_dist", group(split.in_dist) == expected.at("in_dist"));
  result.expect("out_dist", group(split.out_dist) == expected.at("out_dist"));
  result.expect("remain", group(split.remain) == expected.at("remain"));
  for (const char* mode : {"train", "val", "test"})
    result.expect(mode, pairs(split.windows(mode)) == expected.at("pairs").at(mode));
}

void check_cache(const fs::path& folder, const std::string& file, const std::string& kind,
                 CaseResult& result) {
  const auto n = datasets::read_normalizer_cache(folder / "realpdebench" / "expected" / file, kind);
  const core::SafetensorsFile tensors(folder / "realpdebench" / "expected" / "cylinder.safetensors");
  const std::string stem = kind + ".mask0.", batch = kind == "gaussian" ? "bs512." : "";
  const auto same = [&](const std::string& name, const std::vector<float>& got) {
    result.expect(name, tensors.floats(stem + batch + name).data == got);
  };
  if (kind == "gaussian") {
    same("mean_inputs", n.input_shift());
    same("mean_targets", n.target_shift());
    same("std_inputs", n.input_scale());
    same("std_targets", n.target_scale());
  } else {
    same("max_inputs", n.input_scale());
    same("max_targets", n.target_scale());
  }
}

void run_common(const fs::path& folder, const Report& report) {
  const Json random = core::read_json((folder / "common" / "python_random.json").string());
  for (const auto& [seed, expected] : random.items())
    run_case("python_random/" + seed, report, [&, seed = seed, expected = expected](CaseResult& r) {
      check_generator(expected, python_seed(seed), r);
    });
  const Json defaults = core::read_json((folder / "common" / "class_defaults.json").string());
  for (const auto& [name, expected] : defaults.items())
    run_case("defaults/" + name, report,
             [&, name = name, expected = expected](CaseResult& r) { check_defaults(expected, name, r); });
}

void run_hdf5(const fs::path& folder, const Report& report) {
  for (const auto& name : realpdebench_scenarios(folder)) {
    for (const Side side : {Side::real, Side::numerical})
      run_case("split/" + name + "/" + to_string(side), report,
               [&](CaseResult& r) { check_split(folder, name, side, r); });
    check_realpdebench(folder, name, "realpdebench_hdf5", report);
  }
  for (const auto& [file, kind] :
       {std::pair("cylinder_mean_std.pt", "gaussian"), std::pair("cylinder_max.pt", "range")})
    if (fs::exists(folder / "realpdebench" / "expected" / file) &&
        fs::exists(folder / "realpdebench" / "expected" / "cylinder.safetensors"))
      run_case(std::string("cache/") + file, report,
               [&, file = file, kind = kind](CaseResult& r) { check_cache(folder, file, kind, r); });
}

const SuiteRegistration common{{"datasets", "common", run_common}};
const SuiteRegistration hdf5{{"datasets", "realpdebench-hdf5", run_hdf5}};

}  // namespace
}  // namespace windtunnel::runners
