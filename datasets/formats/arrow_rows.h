#pragma once

#include <string>
#include <vector>

#include "datasets/formats/arrow_writer.h"
#include "datasets/formats/writers.h"

namespace windtunnel::datasets {

/// Trajectories of one side as rows of the published Arrow layout (see write_realpdebench_arrow). The type of
/// a column follows from the largest value: survey() every trajectory before the first row().
class ArrowRows {
 public:
  ArrowRows(const Scenario& to, Side side);

  void survey(const Trajectory& t);
  int64_t bytes() const { return total_; }  ///< of all surveyed trajectories
  std::vector<ArrowField> fields() const;
  std::vector<ArrowValue> row(const Trajectory& t, const std::string& name) const;

 private:
  std::vector<Target> targets_;  ///< those of both sides first
  int64_t largest_ = 0, total_ = 0;
  bool grids_ = false;  ///< x and y vary along both axes
};

/// Name of the schema's note with the attributes of a trajectory: "attributes/1800.h5".
std::string arrow_note_name(const std::string& name);

}  // namespace windtunnel::datasets
