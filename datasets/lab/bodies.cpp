#include "datasets/lab/bodies.h"

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::datasets::lab {
namespace {

std::vector<Body> fixed_cylinder(const BodyRequest& r) {
  return {{std::make_shared<Circle>(1.0), r.offset, nullptr}};
}

using Maker = std::vector<Body> (*)(const BodyRequest&);
const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> map = {
      {"fixed_cylinder", fixed_cylinder},
  };
  return map;
}

}  // namespace

std::vector<Body> make_bodies(const std::string& kind, const BodyRequest& request) {
  const auto it = makers().find(kind);
  if (it == makers().end())
    throw core::usage_error("unknown body '" + kind + "'", "", core::suggestion(kind, body_kinds()));
  return it->second(request);
}

std::vector<std::string> body_kinds() {
  std::vector<std::string> names;
  for (const auto& [name, maker] : makers()) names.push_back(name);
  return names;
}

}  // namespace windtunnel::datasets::lab
