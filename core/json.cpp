#include "core/json.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/file.h"

namespace windtunnel::core {
namespace {

constexpr int kMaxDepth = 256;

void require_finite(const Json& value, const std::string& path) {
  if (value.is_number_float() && !std::isfinite(value.get<double>()))
    throw data_error("not a finite number at " + (path.empty() ? "/" : path),
                     "finite numbers, or null with a reason");
  if (value.is_structured())
    for (const auto& [key, child] : value.items()) require_finite(child, path + "/" + key);
}

Json scalar(const std::string& text) {
  if (text == "null" || text == "~" || text.empty()) return nullptr;
  if (text == "true" || text == "True") return true;
  if (text == "false" || text == "False") return false;
  const char* begin = text.data() + (text[0] == '+');
  const char* end = text.data() + text.size();
  int64_t integer = 0;
  if (auto r = std::from_chars(begin, end, integer); r.ec == std::errc() && r.ptr == end) return integer;
  // YAML numbers only: from_chars would also take "inf" and "nan", which are words here.
  const bool numeric = text.find_first_not_of("+-.0123456789eE") == std::string::npos;
  double real = 0;
  if (numeric)
    if (auto r = std::from_chars(begin, end, real); r.ec == std::errc() && r.ptr == end) return real;
  return text;
}

Json convert(const YAML::Node& node, const std::string& origin, int depth) {
  if (depth > 64)
    throw usage_error(origin + ":" + std::to_string(node.Mark().line + 1) + ": nested too deeply",
                      "at most 64 levels");
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      return nullptr;
    case YAML::NodeType::Scalar:
      return node.Tag() == "!" ? Json(node.Scalar()) : scalar(node.Scalar());  // "!" marks a quoted scalar
    case YAML::NodeType::Sequence: {
      Json list = Json::array();
      for (const auto& item : node) list.push_back(convert(item, origin, depth + 1));
      return list;
    }
    case YAML::NodeType::Map: {
      Json object = Json::object();
      for (const auto& item : node) {
        const std::string key = item.first.Scalar();
        if (object.contains(key))
          throw usage_error(
              origin + ":" + std::to_string(item.first.Mark().line + 1) + ": key '" + key + "' appears twice",
              "each key once");
        object[key] = convert(item.second, origin, depth + 1);
      }
      return object;
    }
  }
  return nullptr;
}

/// What reads a value later goes down recursively.
void check_depth(std::string_view text, const std::string& origin) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\')
      ++i;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && (c == '[' || c == '{') && ++depth > kMaxDepth)
      throw data_error(origin + ": JSON nests deeper than " + std::to_string(kMaxDepth) + " levels at byte " +
                           std::to_string(i),
                       "fewer levels");
    else if (!quoted && (c == ']' || c == '}'))
      --depth;
  }
}

void emit(YAML::Emitter& out, const Json& value) {
  switch (value.type()) {
    case Json::value_t::object:
      out << YAML::BeginMap;
      for (const auto& [key, child] : value.items()) {
        out << YAML::Key << key << YAML::Value;
        emit(out, child);
      }
      out << YAML::EndMap;
      break;
    case Json::value_t::array: {
      bool flat = true;
      for (const auto& child : value) flat = flat && !child.is_structured();
      if (flat) out << YAML::Flow;
      out << YAML::BeginSeq;
      for (const auto& child : value) emit(out, child);
      out << YAML::EndSeq;
      break;
    }
    case Json::value_t::string: {
      const auto& text = value.get_ref<const std::string&>();
      if (scalar(text).is_string())
        out << text;
      else
        out << YAML::DoubleQuoted << text;
      break;
    }
    case Json::value_t::null:
      out << YAML::Null;  // the text "null" would come out quoted
      break;
    default:
      out << value.dump();
  }
}

}  // namespace

std::string canonical(const Json& value) {
  require_finite(value, "");
  return value.dump(-1, ' ', false, Json::error_handler_t::strict);
}

Json parse_json(std::string_view text, const std::string& origin) {
  check_depth(text, origin);
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    throw data_error(origin + ": not valid JSON at byte " + std::to_string(e.byte), "one JSON value");
  } catch (const Json::exception& e) {
    throw data_error(origin + ": not valid JSON: " + e.what(), "one JSON value with finite numbers");
  }
}

Json parse_yaml(const std::string& text, const std::string& origin) {
  try {
    return convert(YAML::Load(text), origin, 0);
  } catch (const YAML::Exception& e) {
    throw usage_error(origin + ":" + std::to_string(e.mark.line + 1) + ": not valid YAML: " + e.msg,
                      "YAML with spaces for indentation");
  }
}

Json read_json(const std::string& path) { return parse_json(read_file(path), path); }
Json read_yaml(const std::string& path) { return parse_yaml(read_file(path), path); }

Json merged(Json base, const Json& patch) {
  if (!base.is_object() || !patch.is_object()) return patch;
  for (const auto& [key, value] : patch.items())
    base[key] = base.contains(key) ? merged(base[key], value) : value;
  return base;
}

std::string to_yaml(const Json& value) {
  YAML::Emitter out;
  emit(out, value);
  return std::string(out.c_str()) + "\n";
}

Json finite_or_reason(double value) {
  if (std::isfinite(value)) return value;
  return {{"value", nullptr}, {"reason", std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf"}};
}

}  // namespace windtunnel::core
