#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "datasets/lab/lab.h"

namespace windtunnel::datasets::lab {

/// A data set that is ready to be made: paired data of the wind tunnel's scenarios (lab.h) or a periodic
/// system of The Well (periodic/).
class Job {
 public:
  virtual ~Job() = default;
  virtual LabEstimate estimate() const = 0;
  virtual LabReport make(const LabControl& control) const = 0;
};

/// values["scenario"] decides the kind; usage errors (unknown scenario or key, bad value) name `where`.
std::unique_ptr<Job> make_job(const core::Json& values, const std::string& where);

/// Everything that make_job() knows.
std::vector<std::string> made_scenarios();
/// The keys of all kinds; the text of a key that only some scenarios have says which.
std::vector<core::OptionDoc> job_options();

}  // namespace windtunnel::datasets::lab
