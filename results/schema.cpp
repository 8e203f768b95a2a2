#include "results/schema.h"

#include <cmath>
#include <regex>
#include <unordered_map>

#include "core/embedded.h"
#include "core/error.h"
#include "core/text.h"

namespace windtunnel::results {
namespace assets {
const std::vector<core::EmbeddedFile>& embedded_files();
}
namespace {

using core::Json;

bool has_type(const Json& value, const std::string& type) {
  if (type == "integer")
    return value.is_number_integer() ||
           (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  if (type == "object") return value.is_object();
  return type == "array" && value.is_array();
}

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

std::string listed(const Json& values) {
  std::vector<std::string> words;
  for (const auto& value : values)
    words.push_back(value.is_string() ? value.get<std::string>() : shown(value));
  return core::join(words, ", ");
}

/// Compiled once: std::regex is slow to build.
bool matches(const std::string& text, const std::string& pattern) {
  thread_local std::unordered_map<std::string, std::regex> compiled;
  auto it = compiled.find(pattern);
  if (it == compiled.end()) it = compiled.emplace(pattern, std::regex(pattern)).first;
  return std::regex_search(text, it->second);
}

class Validator {
 public:
  Validator(const Json& root, std::vector<SchemaProblem>& problems) : root_(root), problems_(problems) {}

  void check(const Json& value, const Json& schema, const std::string& path, int depth = 0) {
    if (depth > 64) return add(path, "nested too deeply, expected at most 64 levels");
    for (const auto& [keyword, rule] : schema.items()) apply(keyword, rule, value, schema, path, depth);
  }

 private:
  void add(const std::string& path, std::string message) {
    problems_.push_back({path.empty() ? "/" : path, std::move(message)});
  }

  void apply(const std::string& keyword, const Json& rule, const Json& value, const Json& schema,
             const std::string& path, int depth) {
    if (keyword == "$ref") {
      const auto reference = rule.get<std::string>();
      const Json::json_pointer pointer(reference.substr(1));
      if (!root_.contains(pointer)) throw usage_error("schema: " + reference + " does not exist");
      check(value, root_.at(pointer), path, depth + 1);
    } else if (keyword == "type") {
      check_type(rule, value, path);
    } else if (keyword == "const") {
      if (value != rule) add(path, "found " + shown(value) + ", expected " + shown(rule));
    } else if (keyword == "enum") {
      bool known = false;
      for (const auto& allowed : rule) known = known || value == allowed;
      if (!known) add(path, "found " + shown(value) + ", expected one of " + listed(rule));
    } else if (keyword == "required") {
      for (const auto& key : rule)
        if (value.is_object() && !value.contains(key.get<std::string>()))
          add(path, "key '" + key.get<std::string>() + "' is missing");
    } else if (keyword == "properties") {
      for (const auto& [key, child] : rule.items())
        if (value.is_object() && value.contains(key)) check(value[key], child, path + "/" + key, depth + 1);
    } else if (keyword == "additionalProperties") {
      check_additional(rule, value, schema, path, depth);
    } else if (keyword == "items") {
      if (value.is_array())
        for (size_t i = 0; i < value.size(); ++i)
          check(value[i], rule, path + "/" + std::to_string(i), depth + 1);
    } else if (keyword == "pattern") {
      if (value.is_string() && !matches(value.get_ref<const std::string&>(), rule.get<std::string>()))
        add(path, "found " + shown(value) + ", expected text of the form " + rule.get<std::string>());
    } else if (keyword == "minimum") {
      if (value.is_number() && !(value.get<double>() >= rule.get<double>()))
        add(path, "found " + shown(value) + ", expected at least " + shown(rule));
    } else if (keyword == "maximum") {
      if (value.is_number() && !(value.get<double>() <= rule.get<double>()))
        add(path, "found " + shown(value) + ", expected at most " + shown(rule));
    } else if (keyword == "minItems") {
      if (value.is_array() && value.size() < rule.get<size_t>())
        add(path, "found " + std::to_string(value.size()) + " items, expected at least " + shown(rule));
    } else if (keyword == "minLength") {
      if (value.is_string() && value.get_ref<const std::string&>().size() < rule.get<size_t>())
        add(path, "found an empty text");
    } else {
      static const std::vector<std::string> silent = {"$schema", "$id",         "$defs",
                                                      "title",   "description", "examples"};
      for (const auto& known : silent)
        if (known == keyword) return;
      throw usage_error("schema: keyword '" + keyword + "' is not supported",
                        "a keyword listed in results/schema.h");
    }
  }

  void check_type(const Json& rule, const Json& value, const std::string& path) {
    const Json types = rule.is_array() ? rule : Json::array({rule});
    for (const auto& type : types)
      if (has_type(value, type.get<std::string>())) return;
    add(path, "found " + shown(value) + " (" + value.type_name() + "), expected " + listed(types));
  }

  void check_additional(const Json& rule, const Json& value, const Json& schema, const std::string& path,
                        int depth) {
    if (!value.is_object()) return;
    const Json properties = schema.value("properties", Json::object());
    for (const auto& [key, child] : value.items()) {
      if (properties.contains(key)) continue;
      if (rule.is_object()) {
        check(child, rule, path + "/" + key, depth + 1);
      } else if (rule == false) {
        std::vector<std::string> known;
        for (const auto& [name, unused] : properties.items()) known.push_back(name);
        add(path, "unknown key '" + key + "'; " + core::suggestion(key, known));
      }
    }
  }

  const Json& root_;
  std::vector<SchemaProblem>& problems_;
};

}  // namespace

std::vector<SchemaProblem> validate(const core::Json& value, const core::Json& schema) {
  std::vector<SchemaProblem> problems;
  Validator(schema, problems).check(value, schema, "");
  return problems;
}

const core::Json& record_schema() {
  static const Json schema = [] {
    for (const auto& file : assets::embedded_files())
      if (file.name == "record.schema.json") return core::parse_json(file.text, file.name);
    throw environment_error("the record schema is missing from this build");
  }();
  return schema;
}

}  // namespace windtunnel::results
