#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::core {

/// Name -> component, filled by static objects next to each implementation. Info needs a member `name`, and
/// gets its `origin` ("built in" or a plug-in's path) from the caller.
template <class Info>
class Registry {
 public:
  explicit Registry(const char* kind) : kind_(kind) {}

  void add(Info info) {
    const auto [it, fresh] = entries_.emplace(info.name, info);
    if (!fresh)
      throw usage_error(std::string(kind_) + " '" + info.name +
                        "' is registered twice: " + it->second.origin + " and " + info.origin);
  }
  bool contains(const std::string& name) const { return entries_.count(name) != 0; }
  const Info& at(const std::string& name) const {
    const auto it = entries_.find(name);
    if (it == entries_.end())
      throw usage_error("unknown " + std::string(kind_) + " '" + name + "'",
                        "a name listed by `windtunnel ls`", suggestion(name, names()));
    return it->second;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> list;
    for (const auto& [name, info] : entries_) list.push_back(name);
    return list;
  }

 private:
  const char* kind_;
  std::map<std::string, Info> entries_;
};

}  // namespace windtunnel::core
