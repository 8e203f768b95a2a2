#include "datasets/lab/maker.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "datasets/lab/periodic/make_periodic.h"
#include "datasets/lab/periodic/system.h"

namespace windtunnel::datasets::lab {
namespace {

class PairedJob : public Job {
 public:
  explicit PairedJob(LabOptions options) : options_(std::move(options)) {}
  LabEstimate estimate() const override { return lab::estimate(options_); }
  LabReport make(const LabControl& control) const override { return make_dataset(options_, control); }

 private:
  LabOptions options_;
};

class PeriodicJob : public Job {
 public:
  explicit PeriodicJob(std::unique_ptr<PeriodicOptions> options) : options_(std::move(options)) {}
  LabEstimate estimate() const override { return lab::estimate(*options_); }
  LabReport make(const LabControl& control) const override { return make_periodic(*options_, control); }

 private:
  std::unique_ptr<PeriodicOptions> options_;
};

}  // namespace

std::unique_ptr<Job> make_job(const core::Json& values, const std::string& where) {
  const std::string scenario = values.value("scenario", "");
  if (periodic_systems().contains(scenario))
    return std::make_unique<PeriodicJob>(periodic_options(values, where));
  const auto known = made_scenarios();
  if (!scenario.empty() && std::find(known.begin(), known.end(), scenario) == known.end())
    throw core::usage_error(where + ": unknown scenario '" + scenario + "'",
                            "one of " + core::join(known, ", "), core::suggestion(scenario, known));
  return std::make_unique<PairedJob>(lab_options(values, where));
}

std::vector<std::string> made_scenarios() {
  std::vector<std::string> names = lab_scenarios();
  for (const auto& name : periodic_systems().names()) names.push_back(name);
  return names;
}

std::vector<core::OptionDoc> job_options() {
  LabOptions paired;
  std::vector<core::OptionDoc> docs = core::list_options(paired);
  for (const auto& name : periodic_systems().names()) {
    const auto options = periodic_systems().at(name).options();
    for (auto doc : core::list_options(*options)) {
      const auto known =
          std::find_if(docs.begin(), docs.end(), [&](const auto& d) { return d.key == doc.key; });
      if (known == docs.end()) {
        doc.doc = name + ": " + doc.doc;
        docs.push_back(std::move(doc));
      } else if (known->doc.find(": " + doc.doc) != std::string::npos) {
        known->doc = name + ", " + known->doc;  // another periodic system's key of the same meaning
      }
    }
  }
  for (auto& doc : docs)
    if (doc.key == "scenario") {
      doc.type = core::join(made_scenarios(), "|");
      doc.doc = "what flows past what, or the system of The Well";
    }
  return docs;
}

}  // namespace windtunnel::datasets::lab
