#include "datasets/lab/bodies.h"

#include "core/error.h"
#include "core/text.h"

namespace windtunnel::datasets::lab {
namespace {

double setting(const BodyRequest& r, const char* key) {
  const auto it = r.settings.find(key);
  if (it == r.settings.end() || !it->is_number())
    throw core::usage_error(std::string("body_settings has no number '") + key + "'");
  return it->get<double>();
}

/// The value on the line through (low, at_low) and (high, at_high).
double on_line(double x, double low, double high, double at_low, double at_high) {
  return at_low + (x - low) / (high - low) * (at_high - at_low);
}

std::vector<Body> fixed_cylinder(const BodyRequest& r) {
  return {{std::make_shared<Circle>(1.0), r.offset, nullptr}};
}

std::vector<Body> controlled_cylinder(const BodyRequest& r) {
  const double ratio = on_line(r.parameters.at("frequency"), setting(r, "label_low"),
                               setting(r, "label_high"), setting(r, "ratio_low"), setting(r, "ratio_high"));
  const double frequency = ratio * setting(r, "strouhal") * r.factor("frequency");
  std::shared_ptr<Motion> motion;
  if (r.settings.value("motion", "heave") == std::string("rotation"))
    motion = std::make_shared<Oscillation>(setting(r, "turning_speed") * r.factor("amplitude"), frequency);
  else
    motion = std::make_shared<Heave>(setting(r, "amplitude") * r.factor("amplitude"), frequency);
  return {{std::make_shared<Circle>(1.0), r.offset, motion}};
}

std::vector<Body> elastic_cylinder_in_wake(const BodyRequest& r) {
  const double reduced_velocity =
      on_line(r.parameters.at("Re"), setting(r, "Re_low"), setting(r, "Re_high"),
              setting(r, "reduced_velocity_low"), setting(r, "reduced_velocity_high"));
  const auto mount = std::make_shared<ElasticMount>(
      r.parameters.at("mass_ratio") * r.factor("mass"), reduced_velocity,
      r.parameters.at("damping") * setting(r, "damping_unit") * r.factor("damping"));
  const auto circle = std::make_shared<Circle>(1.0);
  return {{circle, {-setting(r, "spacing"), 0}, nullptr}, {circle, r.offset, mount}};
}

std::vector<Body> naca_foil(const BodyRequest& r) {
  return {{std::make_shared<NacaFoil>(setting(r, "thickness"), r.parameters.at("angle_of_attack")), r.offset,
           nullptr}};
}

using Maker = std::vector<Body> (*)(const BodyRequest&);
const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> map = {{"fixed_cylinder", fixed_cylinder},
                                                   {"controlled_cylinder", controlled_cylinder},
                                                   {"elastic_cylinder_in_wake", elastic_cylinder_in_wake},
                                                   {"naca_foil", naca_foil}};
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
