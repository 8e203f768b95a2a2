#pragma once

#include <string>
#include <vector>

#include "core/options.h"

namespace windtunnel::tokenizers {

/// Shows the options of a part to a visitor under names that begin with `prefix`: how a model of several
/// networks offers theirs. Keys listed in `hidden` follow from the whole and are left out.
class PrefixedOptions : public core::OptionVisitor {
 public:
  PrefixedOptions(core::OptionVisitor& visitor, std::string prefix, std::vector<std::string> hidden = {})
      : visitor_(visitor), prefix_(std::move(prefix)), hidden_(std::move(hidden)) {}

  void operator()(const char* key, bool& value, const char* doc) override;
  void operator()(const char* key, int64_t& value, const char* doc, core::Range range) override;
  void operator()(const char* key, double& value, const char* doc, core::Range range) override;
  void operator()(const char* key, std::string& value, const char* doc) override;
  void operator()(const char* key, std::vector<int64_t>& value, const char* doc) override;
  void operator()(const char* key, std::vector<double>& value, const char* doc) override;
  void operator()(const char* key, std::vector<std::string>& value, const char* doc) override;
  void choice(const char* key, std::string& value, const std::vector<std::string>& allowed,
              const char* doc) override;

 private:
  bool shown(const char* key) const;
  const char* name(const char* key) const;  ///< lives as long as the program
  core::OptionVisitor& visitor_;
  std::string prefix_;
  std::vector<std::string> hidden_;
};

}  // namespace windtunnel::tokenizers
