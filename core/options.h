#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/json.h"

namespace windtunnel::core {

/// Inclusive bounds of a numeric option.
struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
};
inline constexpr Range kPositive{1, std::numeric_limits<double>::infinity()};
inline constexpr Range kNotNegative{0, std::numeric_limits<double>::infinity()};

/// Visits every option of a struct: key, member (which holds the default), one line of documentation.
class OptionVisitor {
 public:
  virtual ~OptionVisitor() = default;
  virtual void operator()(const char* key, bool& value, const char* doc) = 0;
  virtual void operator()(const char* key, int64_t& value, const char* doc, Range range = {}) = 0;
  virtual void operator()(const char* key, double& value, const char* doc, Range range = {}) = 0;
  virtual void operator()(const char* key, std::string& value, const char* doc) = 0;
  virtual void operator()(const char* key, std::vector<int64_t>& value, const char* doc) = 0;
  virtual void operator()(const char* key, std::vector<double>& value, const char* doc) = 0;
  virtual void operator()(const char* key, std::vector<std::string>& value, const char* doc) = 0;
  virtual void choice(const char* key, std::string& value, const std::vector<std::string>& allowed,
                      const char* doc) = 0;
};

/// Base of every options struct. The one declaration in describe() feeds reading, printing, --help and the
/// hash:
///   struct FnoOptions : core::Options {
///     int64_t width = 64;
///     void describe(core::OptionVisitor& v) override { v("width", width, "channels of the lifted field",
///     core::kPositive); }
///   };
struct Options {
  virtual ~Options() = default;
  virtual void describe(OptionVisitor& visitor) = 0;
};

/// Sets the options named in the object `values`; an unknown key, a wrong type or a value out of range is a
/// usage error that names `where` (file or command line) and the nearest valid key.
void read_options(Options& options, const Json& values, const std::string& where);

/// Every option with its current value, as an object.
Json write_options(Options& options);

struct OptionDoc {
  std::string key, type, default_value, doc;
};
std::vector<OptionDoc> list_options(Options& options);

/// Parses "key=value" pairs (value as YAML) into an object; dots in the key nest.
Json parse_assignments(const std::vector<std::string>& assignments);

}  // namespace windtunnel::core
