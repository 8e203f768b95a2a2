#pragma once

#include <atomic>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace windtunnel::datasets::lab {

/// One line of the table that compares the laboratory with the literature.
struct PhysicsRow {
  std::string name, quantity;
  double value = 0;
  double low = 0, high = 0;  ///< tolerance
  double reference = std::numeric_limits<double>::quiet_NaN();
  std::string source;

  bool good() const { return value >= low && value <= high; }
};

/// Rows that are computed together.
struct PhysicsGroup {
  std::string name, summary;
  double work = 0;  ///< cell updates of the flow kernel, roughly
  std::function<void(const std::function<void(const PhysicsRow&)>& report, const std::atomic<bool>* stop)>
      run;
};

/// cylinder, lock-in, elastic, foil, flame, solver (order of convergence, conservation), piv (bias and random
/// error against displacement).
std::vector<PhysicsGroup> physics_groups();

/// Columns: group, case, quantity, measured, tolerance, literature, source.
std::string physics_header();
std::string physics_line(const PhysicsRow& row);

}  // namespace windtunnel::datasets::lab
