#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "datasets/lab/flow.h"
#include "datasets/lab/wake_statistics.h"

namespace windtunnel::datasets::lab {

/// One run whose force coefficients are known from the literature or from this solver's own record.
struct VerificationCase {
  std::string name;
  FlowOptions flow;
  std::string body = "circle";       ///< circle | heaving | elastic | naca0012 | naca0025
  double parameter = 0;              ///< heave frequency; reduced velocity; angle of attack in degrees
  double settle = 80, average = 60;  ///< D/U
  struct Band {
    std::string quantity;  ///< a member of WakeStatistics, or amplitude (A/D of a moving body)
    double low, high;
    double reference;  ///< 0: none
    std::string source;
  };
  std::vector<Band> bands;
};

/// Cases of a group: "reduced" (cylinder, seconds), "cylinder", "lock-in", "elastic", "foil" (minutes each).
/// An unknown group is a usage error.
std::vector<VerificationCase> verification_cases(const std::string& group);

/// Cell updates of a run.
double work(const VerificationCase& test);

struct VerificationResult {
  std::string name;
  WakeStatistics statistics;
  double amplitude = 0;  ///< half the range of the body's displacement, D
  double seconds = 0, million_updates_per_second = 0;
  std::vector<std::string> failures;  ///< "strouhal 0.25 outside 0.16-0.178"
};

VerificationResult verify(const VerificationCase& test, const std::atomic<bool>* stop = nullptr);

/// Value of a quantity that bands name: a member of WakeStatistics, or amplitude.
double value_of(const VerificationResult& result, const std::string& quantity);

}  // namespace windtunnel::datasets::lab
