#include "core/options.h"

#include <set>

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::core {
namespace {

class Reader : public OptionVisitor {
 public:
  Reader(const Json& values, const std::string& where) : values_(values), where_(where) {}

  void operator()(const char* key, bool& value, const char*) override {
    if (const Json* v = find(key)) {
      if (!v->is_boolean()) wrong(key, *v, "true or false");
      value = v->get<bool>();
    }
  }
  void operator()(const char* key, int64_t& value, const char*, Range range) override {
    if (const Json* v = find(key)) value = integer(key, *v, range);
  }
  void operator()(const char* key, double& value, const char*, Range range) override {
    if (const Json* v = find(key)) value = real(key, *v, range);
  }
  void operator()(const char* key, std::string& value, const char*) override {
    if (const Json* v = find(key)) {
      if (v->is_null())
        value.clear();
      else if (v->is_string())
        value = v->get<std::string>();
      else
        wrong(key, *v, "text");
    }
  }
  void operator()(const char* key, std::vector<int64_t>& value, const char*) override {
    if (const Json* v = find(key)) {
      value.clear();
      for (const auto& item : list(key, *v)) value.push_back(integer(key, item, {}));
    }
  }
  void operator()(const char* key, std::vector<double>& value, const char*) override {
    if (const Json* v = find(key)) {
      value.clear();
      for (const auto& item : list(key, *v)) value.push_back(real(key, item, {}));
    }
  }
  void operator()(const char* key, std::vector<std::string>& value, const char*) override {
    if (const Json* v = find(key)) {
      value.clear();
      for (const auto& item : list(key, *v)) {
        if (!item.is_string()) wrong(key, item, "a list of texts");
        value.push_back(item.get<std::string>());
      }
    }
  }
  void choice(const char* key, std::string& value, const std::vector<std::string>& allowed,
              const char*) override {
    if (const Json* v = find(key)) {
      const std::string text = v->is_string() ? v->get<std::string>() : v->dump();
      for (const auto& candidate : allowed)
        if (candidate == text) {
          value = text;
          return;
        }
      throw usage_error(where_ + ": option '" + key + "' is '" + text + "'", "one of " + join(allowed, ", "),
                        suggestion(text, allowed));
    }
  }

  void reject_unknown() const {
    for (const auto& [key, value] : values_.items())
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        throw usage_error(where_ + ": unknown key '" + key + "'", "a declared key", suggestion(key, known_));
  }

 private:
  const Json* find(const char* key) {
    known_.push_back(key);
    const auto it = values_.find(key);
    return it == values_.end() ? nullptr : &*it;
  }
  [[noreturn]] void wrong(const char* key, const Json& v, const std::string& expected) const {
    throw usage_error(where_ + ": option '" + key + "' is " + v.dump(), expected);
  }
  void check(const char* key, double v, Range range) const {
    if (!(v >= range.min && v <= range.max))
      throw usage_error(where_ + ": option '" + key + "' is " + number(v),
                        "a number from " + number(range.min) + " to " + number(range.max));
  }
  int64_t integer(const char* key, const Json& v, Range range) const {
    if (!v.is_number_integer()) wrong(key, v, "an integer");
    const auto value = v.get<int64_t>();
    check(key, static_cast<double>(value), range);
    return value;
  }
  double real(const char* key, const Json& v, Range range) const {
    if (!v.is_number()) wrong(key, v, "a number");
    const auto value = v.get<double>();
    check(key, value, range);
    return value;
  }
  const Json& list(const char* key, const Json& v) const {
    if (!v.is_array()) wrong(key, v, "a list");
    return v;
  }

  const Json& values_;
  const std::string& where_;
  std::vector<std::string> known_;
};

class Writer : public OptionVisitor {
 public:
  void operator()(const char* key, bool& v, const char* doc) override { add(key, v, "bool", doc); }
  void operator()(const char* key, int64_t& v, const char* doc, Range) override {
    add(key, v, "integer", doc);
  }
  void operator()(const char* key, double& v, const char* doc, Range) override { add(key, v, "number", doc); }
  void operator()(const char* key, std::string& v, const char* doc) override { add(key, v, "text", doc); }
  void operator()(const char* key, std::vector<int64_t>& v, const char* doc) override {
    add(key, v, "list of integers", doc);
  }
  void operator()(const char* key, std::vector<double>& v, const char* doc) override {
    add(key, v, "list of numbers", doc);
  }
  void operator()(const char* key, std::vector<std::string>& v, const char* doc) override {
    add(key, v, "list of texts", doc);
  }
  void choice(const char* key, std::string& v, const std::vector<std::string>& allowed,
              const char* doc) override {
    add(key, v, join(allowed, " | "), doc);
  }

  Json values = Json::object();
  std::vector<OptionDoc> docs;

 private:
  void add(const char* key, const Json& value, const std::string& type, const char* doc) {
    values[key] = value;
    docs.push_back({key, type, value.is_string() ? value.get<std::string>() : value.dump(), doc});
  }
};

}  // namespace

void read_options(Options& options, const Json& values, const std::string& where) {
  if (values.is_null()) return;
  if (!values.is_object())
    throw usage_error(where + ": options are " + std::string(values.type_name()), "keys and values");
  Reader reader(values, where);
  options.describe(reader);
  reader.reject_unknown();
}

Json write_options(Options& options) {
  Writer writer;
  options.describe(writer);
  return writer.values;
}

std::vector<OptionDoc> list_options(Options& options) {
  Writer writer;
  options.describe(writer);
  return writer.docs;
}

Json parse_assignments(const std::vector<std::string>& assignments) {
  Json values = Json::object();
  for (const auto& text : assignments) {
    const size_t equal = text.find('=');
    if (equal == std::string::npos || equal == 0)
      throw usage_error("'" + text + "' is not an assignment", "key=value");
    Json* node = &values;
    for (const auto& part : split(text.substr(0, equal), '.')) {
      if (!node->is_object() && !node->is_null())
        throw usage_error("'" + text + "' assigns inside a value that is already set", "key=value");
      node = &(*node)[part];
    }
    *node = parse_yaml(text.substr(equal + 1), "'" + text + "'");
  }
  return values;
}

}  // namespace windtunnel::core
