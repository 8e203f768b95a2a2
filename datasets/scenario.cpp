#include "datasets/scenario.h"

#include <algorithm>
#include <charconv>
#include <regex>

#include "core/embedded.h"
#include "core/error.h"
#include "core/options.h"
#include "core/sha256.h"
#include "core/text.h"
#include "datasets/added_scenarios.h"

namespace windtunnel::datasets {

using core::Json;
namespace fs = std::filesystem;

const std::vector<core::EmbeddedFile>& embedded_files();  // written by the build from scenarios/*.yaml

namespace {

/// The keys that are plain values; the nested ones follow in kNested.
struct PlainKeys : core::Options {
  explicit PlainKeys(Scenario& target) : s(target) {}
  void describe(core::OptionVisitor& v) override {
    v("name", s.name, "folder below the data root");
    v("title", s.title, "one line for people");
    v("notes", s.notes, "what else to know");
    v("licence", s.licence, "of the data");
    v.choice("origin", s.origin, {"published", "virtual-lab", "user"}, "who made the data");
    v("synthetic", s.synthetic, "the measured side is made by a program");
    v("formats", s.formats, "formats to try, in this order");
    v("condition_on_parameters", s.condition_on_parameters, "append the parameters to the input");
    v("file_pattern", s.file_pattern, "regular expression of trajectory files, one group per parameter");
    v("strict_names", s.strict_names, "other files in the folder are an error");
    v("dt", s.dt, "seconds between frames", {0, 1e12});
    v("in_frames", s.in_frames, "frames of the input", core::kPositive);
    v("out_frames", s.out_frames, "frames of one round of prediction", core::kPositive);
    v("interval", s.interval, "frames between window starts", core::kPositive);
    v("trunk_length", s.trunk_length, "frames of the pieces that a split deals out", core::kPositive);
    v("frames", s.frames, "frames of a trajectory that count", core::kPositive);
    v("train_ratio", s.train_ratio, "share of the windows for training", {0, 1});
    v("held_out_in_dist", s.held_out_in_dist, "trajectories held out inside the parameter range",
      core::kNotNegative);
    v("held_out_out_dist", s.held_out_out_dist, "trajectories held out at its border", core::kNotNegative);
    v("shuffle_in_dist_first", s.shuffle_in_dist_first, "order of draws of the published split");
    v("mask_prob", s.mask_prob, "probability that simulated-only fields are hidden", {0, 1});
    v("paired", s.paired, "trajectories of both sides belong together");
    v.choice("pairing", s.pairing, {"name", "parameters"}, "what they have in common");
    v("metrics", s.metrics, "metrics of other benchmarks that are reported too: the_well, pdebench");
  }
  Scenario& s;
};

struct FieldKeys : core::Options {
  explicit FieldKeys(FieldInfo& target) : f(target) {}
  void describe(core::OptionVisitor& v) override {
    v("name", f.name, "of the field");
    v("unit", f.unit, "of the stored values");
    v("label", f.label, "for plots");
    v("latex", f.latex, "symbol");
    v("measured", f.measured, "stored on the real side and scored");
  }
  FieldInfo& f;
};

struct ParameterKeys : core::Options {
  explicit ParameterKeys(ParameterInfo& target) : p(target) {}
  void describe(core::OptionVisitor& v) override {
    v("name", p.name, "of the parameter");
    v("unit", p.unit, "of the number in the file name");
    v.choice("type", p.type, {"float", "int"}, "of the number");
    v("attribute", p.attribute, "its name inside the file; without one it is in the file's name");
  }
  ParameterInfo& p;
};

struct GeometryKeys : core::Options {
  explicit GeometryKeys(Geometry& target) : g(target) {}
  void describe(core::OptionVisitor& v) override {
    v("d", g.d, "size of the body in stored real pixels", {0, 1e9});
    v("center_x", g.center_x, "column of its centre", {-1e9, 1e9});
    v("center_y", g.center_y, "row of its centre", {-1e9, 1e9});
  }
  Geometry& g;
};

const std::vector<std::string> kNested = {"fields", "parameters", "folders", "patterns",
                                          "stride", "fill",       "geometry"};

/// The plain part of `values`, after unknown keys were refused.
Json plain_part(core::Options& options, const Json& values, const std::vector<std::string>& nested,
                const std::string& where) {
  if (!values.is_object()) throw usage_error(where + " is " + values.type_name(), "keys and values");
  std::vector<std::string> known = nested;
  for (const auto& doc : core::list_options(options)) known.push_back(doc.key);
  Json plain = Json::object();
  for (const auto& [key, value] : values.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw usage_error(where + ": unknown key '" + key + "'", "a declared key",
                        core::suggestion(key, known));
    if (std::find(nested.begin(), nested.end(), key) == nested.end()) plain[key] = value;
  }
  return plain;
}

template <class Visit>
void each(const Json& values, const char* key, const std::string& where, Visit visit) {
  const auto it = values.find(key);
  if (it == values.end()) return;
  if (!it->is_object()) throw usage_error(where + ": '" + key + "' is " + it->dump(), "keys and values");
  for (const auto& [name, value] : it->items()) visit(name, value);
}

std::string text_of(const Json& value, const std::string& what) {
  if (!value.is_string()) throw usage_error(what + " is " + value.dump(), "text");
  return value.get<std::string>();
}

FieldInfo read_field(const Json& values, const std::string& where) {
  FieldInfo field;
  FieldKeys keys(field);
  core::read_options(keys, plain_part(keys, values, {"sides", "source"}, where), where);
  if (field.name.empty()) throw usage_error(where + " has no name", "a name for every field");
  const std::string at = where + " '" + field.name + "'";
  if (const auto sides = values.find("sides"); sides != values.end()) {
    if (!sides->is_array())
      throw usage_error(at + ": 'sides' is " + sides->dump(), "a list of real and numerical");
    for (const auto& side : *sides) field.sides.push_back(parse_side(text_of(side, at + ": a side")));
  } else {
    field.sides = {Side::real, Side::numerical};
  }
  if (field.measured && !field.on(Side::real))
    throw usage_error(at + " is measured but not on the real side", "'real' among its sides");
  each(values, "source", at, [&](const std::string& format, const Json& place) {
    const std::string what = at + ": source for " + format;
    if (place.is_object())
      for (const auto& [side, text] : place.items())
        field.source[format][parse_side(side)] = text_of(text, what);
    else
      for (const Side side : field.sides) field.source[format][side] = text_of(place, what);
  });
  return field;
}

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto r = std::from_chars(text.data(), end, value);
  if (r.ec != std::errc() || r.ptr != end) return {};
  return value;
}

void check(const Scenario& s, const std::string& where) {
  if (s.name.empty() || s.name.find_first_of("/\\") != std::string::npos || s.name[0] == '.')
    throw usage_error(where + ": name '" + s.name + "'", "a plain folder name");
  const auto need = [&](bool ok, const char* key) {
    if (!ok) throw usage_error(where + ": '" + std::string(key) + "' is missing", "a value for it");
  };
  need(!s.formats.empty(), "formats");
  need(!s.fields.empty(), "fields");
  need(s.in_frames > 0, "in_frames");
  need(s.out_frames > 0, "out_frames");
  need(s.trunk_length > 0, "trunk_length");
  need(s.frames > 0, "frames");
  need(s.dt > 0, "dt");
  need(!s.file_pattern.empty() || s.patterns.size() == 2, "file_pattern");
  if (s.frames < s.in_frames + s.out_frames)
    throw usage_error(where + ": " + std::to_string(s.frames) + " frames do not hold a window of " +
                          std::to_string(s.in_frames) + " + " + std::to_string(s.out_frames),
                      "frames >= in_frames + out_frames");
  bool unmeasured = false;
  for (size_t i = 0; i < s.fields.size(); ++i) {
    for (size_t j = 0; j < i; ++j)
      if (s.fields[i].name == s.fields[j].name)
        throw usage_error(where + ": field '" + s.fields[i].name + "' appears twice", "each field once");
    if (s.fields[i].measured && unmeasured)
      throw usage_error(
          where + ": measured field '" + s.fields[i].name + "' follows one that is not measured",
          "the measured fields first");
    unmeasured = unmeasured || !s.fields[i].measured;
  }
  const auto named = static_cast<size_t>(std::count_if(s.parameters.begin(), s.parameters.end(),
                                                       [](const auto& p) { return p.attribute.empty(); }));
  std::vector<std::string> patterns;
  if (!s.file_pattern.empty()) patterns.push_back(s.file_pattern);
  for (const auto& [side, text] : s.patterns) patterns.push_back(text);
  for (const auto& text : patterns) {
    std::regex pattern;
    try {
      pattern.assign(text);
    } catch (const std::regex_error& e) {
      throw usage_error(where + ": file_pattern '" + text + "' is not a regular expression: " + e.what());
    }
    if (pattern.mark_count() < named)
      throw usage_error(where + ": file_pattern '" + text + "' has " + std::to_string(pattern.mark_count()) +
                            " groups for " + std::to_string(named) + " parameters",
                        "one group per parameter");
  }
}

}  // namespace

const char* to_string(Side side) { return side == Side::real ? "real" : "numerical"; }

Side parse_side(const std::string& name) {
  if (name == "real") return Side::real;
  if (name == "numerical") return Side::numerical;
  throw usage_error("unknown side '" + name + "'", "real or numerical",
                    core::suggestion(name, {"real", "numerical"}));
}

bool FieldInfo::on(Side side) const { return std::find(sides.begin(), sides.end(), side) != sides.end(); }

const std::string& FieldInfo::place(const std::string& format, Side side) const {
  if (const auto f = source.find(format); f != source.end())
    if (const auto p = f->second.find(side); p != f->second.end()) return p->second;
  throw data_error(
      "field '" + name + "' has no source for format " + format + " on the " + to_string(side) + " side",
      "an entry under 'source' in the scenario");
}

int64_t Scenario::evaluated_channels() const {
  if (!has_side(Side::real)) return channels();
  return std::count_if(fields.begin(), fields.end(), [](const FieldInfo& f) { return f.measured; });
}

bool Scenario::has_side(Side side) const {
  return std::any_of(fields.begin(), fields.end(), [&](const FieldInfo& f) { return f.on(side); });
}

int64_t Scenario::side_stride(Side side) const {
  const auto it = stride.find(side);
  return it == stride.end() ? 1 : it->second;
}

int64_t Scenario::field_index(const std::string& field) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == field) return static_cast<int64_t>(i);
    names.push_back(fields[i].name);
  }
  throw usage_error("scenario '" + name + "' has no field '" + field + "'",
                    "one of " + core::join(names, ", "), core::suggestion(field, names));
}

fs::path Scenario::folder(const fs::path& root, const std::string& key) const {
  const auto it = folders.find(key);
  return it == folders.end() ? root / name / key : root / it->second;
}

const std::string& Scenario::pattern(std::optional<Side> side) const {
  const auto it = side ? patterns.find(*side) : patterns.end();
  return it == patterns.end() ? file_pattern : it->second;
}

std::optional<std::vector<double>> Scenario::parse_name(const std::string& file,
                                                        std::optional<Side> side) const {
  std::smatch match;
  if (!std::regex_search(file, match, std::regex(pattern(side)), std::regex_constants::match_continuous))
    return {};
  std::vector<double> values;
  size_t group = 0;
  for (const auto& parameter : parameters) {
    if (!parameter.attribute.empty()) continue;
    const auto value = number_of(match[++group].str());
    if (!value) return {};
    values.push_back(*value);
  }
  return values;
}

bool Scenario::parameters_in_files() const {
  return std::any_of(parameters.begin(), parameters.end(),
                     [](const auto& p) { return !p.attribute.empty(); });
}

Json Scenario::json() const {
  Scenario copy = *this;
  PlainKeys plain(copy);
  Json out = core::write_options(plain);
  out["fields"] = Json::array();
  for (auto field : fields) {
    FieldKeys keys(field);
    Json entry = core::write_options(keys);
    entry["sides"] = Json::array();
    for (const Side side : field.sides) entry["sides"].push_back(to_string(side));
    entry["source"] = Json::object();
    for (const auto& [format, places] : field.source)
      for (const auto& [side, place] : places) entry["source"][format][to_string(side)] = place;
    out["fields"].push_back(entry);
  }
  out["parameters"] = Json::array();
  for (auto parameter : parameters) {
    ParameterKeys keys(parameter);
    out["parameters"].push_back(core::write_options(keys));
  }
  out["folders"] = folders;
  out["fill"] = fill;
  out["patterns"] = Json::object();
  for (const auto& [side, text] : patterns) out["patterns"][to_string(side)] = text;
  out["stride"] = Json::object();
  for (const auto& [side, value] : stride) out["stride"][to_string(side)] = value;
  if (geometry) {
    Geometry g = *geometry;
    GeometryKeys keys(g);
    out["geometry"] = core::write_options(keys);
  }
  return out;
}

std::string Scenario::sha256() const {
  constexpr const char* kProse[] = {"title", "notes", "licence"};
  constexpr const char* kStorage[] = {"formats", "folders", "file_pattern", "patterns", "strict_names"};
  Json value = json();
  for (const char* key : kProse) value.erase(key);
  for (const char* key : kStorage) value.erase(key);
  for (auto& field : value["fields"])
    for (const char* key : {"label", "latex", "source"}) field.erase(key);
  for (auto& parameter : value["parameters"]) parameter.erase("attribute");
  return core::sha256(core::canonical(value));
}

Scenario scenario_from_json(const Json& values, const std::string& where) {
  Scenario s;
  PlainKeys plain(s);
  core::read_options(plain, plain_part(plain, values, kNested, where), where);
  const auto list = [&](const char* key) {
    const auto it = values.find(key);
    if (it == values.end()) return Json::array();
    if (!it->is_array()) throw usage_error(where + ": '" + std::string(key) + "' is " + it->dump(), "a list");
    return *it;
  };
  for (const auto& entry : list("fields")) s.fields.push_back(read_field(entry, where + ": field"));
  for (const auto& entry : list("parameters")) {
    ParameterInfo parameter;
    ParameterKeys keys(parameter);
    core::read_options(keys, plain_part(keys, entry, {}, where + ": parameter"), where + ": parameter");
    s.parameters.push_back(parameter);
  }
  each(values, "folders", where, [&](const std::string& key, const Json& folder) {
    s.folders[key] = text_of(folder, where + ": folder " + key);
  });
  each(values, "patterns", where, [&](const std::string& side, const Json& text) {
    s.patterns[parse_side(side)] = text_of(text, where + ": pattern of " + side);
  });
  each(values, "stride", where, [&](const std::string& side, const Json& stride) {
    if (!stride.is_number_integer() || stride.get<int64_t>() < 1)
      throw usage_error(where + ": stride of " + side + " is " + stride.dump(), "an integer of at least 1");
    s.stride[parse_side(side)] = stride.get<int64_t>();
  });
  each(values, "fill", where, [&](const std::string& field, const Json& rule) {
    s.fill[s.fields.at(static_cast<size_t>(s.field_index(field))).name] =
        text_of(rule, where + ": fill of " + field);
    if (rule != "zero" && rule != "frame_mean")
      throw usage_error(where + ": unknown fill rule '" + rule.get<std::string>() + "' of " + field,
                        "zero or frame_mean");
  });
  if (const auto it = values.find("geometry"); it != values.end() && !it->is_null()) {
    s.geometry.emplace();
    GeometryKeys keys(*s.geometry);
    core::read_options(keys, plain_part(keys, *it, {}, where + ": geometry"), where + ": geometry");
  }
  check(s, where);
  return s;
}

namespace {
std::vector<core::EmbeddedFile>& added() {
  static std::vector<core::EmbeddedFile> files;
  return files;
}
}  // namespace

const std::vector<core::EmbeddedFile>& added_scenarios() { return added(); }

void add_scenario(const std::string& yaml, const std::string& origin) {
  const Scenario scenario = scenario_from_json(core::parse_yaml(yaml, origin), origin);
  for (const auto& name : scenario_names())
    if (name == scenario.name)
      throw usage_error(origin + ": scenario '" + name + "' exists already", "a new name");
  added().push_back({scenario.name + ".yaml", yaml});
}

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const auto* list : {&embedded_files(), &added_scenarios()})
    for (const auto& file : *list) names.push_back(fs::path(file.name).stem().string());
  return names;
}

Scenario load_scenario(const std::string& name_or_path, const fs::path& data_root) {
  Json values;
  std::string where;
  for (const auto* list : {&embedded_files(), &added_scenarios()})
    for (const auto& file : *list)
      if (fs::path(file.name).stem() == name_or_path) {
        where = "scenario " + name_or_path;
        values = core::parse_yaml(file.text, where);
      }
  const bool is_path = name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".yaml") ||
                       name_or_path.ends_with(".yml");
  if (values.is_null() && is_path) {
    where = name_or_path;
    values = core::read_yaml(name_or_path);
  }
  std::string name = name_or_path;
  if (values.is_object() && values.contains("name")) name = text_of(values["name"], where + ": name");
  const fs::path own = data_root.empty() ? fs::path() : data_root / name / "scenario.yaml";
  std::error_code ignored;
  if (!own.empty() && fs::exists(own, ignored)) {
    where = where.empty() ? own.string() : where + " with " + own.string();
    values = values.is_null() ? core::read_yaml(own.string())
                              : core::merged(values, core::read_yaml(own.string()));
  }
  if (values.is_null())
    throw usage_error("unknown scenario '" + name_or_path + "'",
                      "one of " + core::join(scenario_names(), ", ") + ", or the path of a YAML file",
                      core::suggestion(name_or_path, scenario_names()));
  Scenario s = scenario_from_json(values, where);
  if (s.name != name)
    throw usage_error(where + ": name is '" + s.name + "'", "'" + name + "', the name of the folder");
  return s;
}

}  // namespace windtunnel::datasets
