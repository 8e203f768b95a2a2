#include "tokenizers/prefixed_options.h"

#include <algorithm>
#include <mutex>
#include <set>

namespace windtunnel::tokenizers {

bool PrefixedOptions::shown(const char* key) const {
  return std::find(hidden_.begin(), hidden_.end(), key) == hidden_.end();
}

const char* PrefixedOptions::name(const char* key) const {
  // Visitors may keep the pointer, as they may with the literals of plain options.
  static std::mutex mutex;
  static std::set<std::string> names;
  const std::lock_guard<std::mutex> lock(mutex);
  return names.insert(prefix_ + key).first->c_str();
}

void PrefixedOptions::operator()(const char* key, bool& value, const char* doc) {
  if (shown(key)) visitor_(name(key), value, doc);
}
void PrefixedOptions::operator()(const char* key, int64_t& value, const char* doc, core::Range range) {
  if (shown(key)) visitor_(name(key), value, doc, range);
}
void PrefixedOptions::operator()(const char* key, double& value, const char* doc, core::Range range) {
  if (shown(key)) visitor_(name(key), value, doc, range);
}
void PrefixedOptions::operator()(const char* key, std::string& value, const char* doc) {
  if (shown(key)) visitor_(name(key), value, doc);
}
void PrefixedOptions::operator()(const char* key, std::vector<int64_t>& value, const char* doc) {
  if (shown(key)) visitor_(name(key), value, doc);
}
void PrefixedOptions::operator()(const char* key, std::vector<double>& value, const char* doc) {
  if (shown(key)) visitor_(name(key), value, doc);
}
void PrefixedOptions::operator()(const char* key, std::vector<std::string>& value, const char* doc) {
  if (shown(key)) visitor_(name(key), value, doc);
}
void PrefixedOptions::choice(const char* key, std::string& value, const std::vector<std::string>& allowed,
                             const char* doc) {
  if (shown(key)) visitor_.choice(name(key), value, allowed, doc);
}

}  // namespace windtunnel::tokenizers
