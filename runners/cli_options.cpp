#include "runners/cli_options.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"

namespace windtunnel::runners {
namespace {

class CliVisitor : public core::OptionVisitor {
 public:
  explicit CliVisitor(CLI::App& app) : app_(app) {}

  void operator()(const char* key, bool& value, const char* doc) override {
    app_.add_flag(flag(key) + ",!" + "--no-" + flag(key).substr(2), value, doc);
  }
  void operator()(const char* key, int64_t& value, const char* doc, core::Range range) override {
    bounded(app_.add_option(flag(key), value, doc), range);
  }
  void operator()(const char* key, double& value, const char* doc, core::Range range) override {
    bounded(app_.add_option(flag(key), value, doc), range);
  }
  void operator()(const char* key, std::string& value, const char* doc) override {
    app_.add_option(flag(key), value, doc)->capture_default_str()->take_last();
  }
  void operator()(const char* key, std::vector<int64_t>& value, const char* doc) override {
    list(key, value, doc);
  }
  void operator()(const char* key, std::vector<double>& value, const char* doc) override {
    list(key, value, doc);
  }
  void operator()(const char* key, std::vector<std::string>& value, const char* doc) override {
    list(key, value, doc);
  }
  void choice(const char* key, std::string& value, const std::vector<std::string>& allowed,
              const char* doc) override {
    app_.add_option(flag(key), value, doc)->check(CLI::IsMember(allowed))->capture_default_str()->take_last();
  }

 private:
  static std::string flag(std::string key) {
    std::replace(key.begin(), key.end(), '_', '-');
    return "--" + key;
  }
  void bounded(CLI::Option* option, core::Range range) {
    option->capture_default_str()->take_last();
    option->check([range](const std::string& text) -> std::string {
      const double value = std::strtod(text.c_str(), nullptr);
      if (value >= range.min && value <= range.max) return "";
      return text + " is not a number from " + core::number(range.min) + " to " + core::number(range.max);
    });
  }
  template <class T>
  void list(const char* key, std::vector<T>& value, const char* doc) {
    app_.add_option(flag(key), value, doc)->delimiter(',')->capture_default_str();
  }

  CLI::App& app_;
};

}  // namespace

void add_options(CLI::App& app, core::Options& options) {
  CliVisitor visitor(app);
  options.describe(visitor);
}

}  // namespace windtunnel::runners
