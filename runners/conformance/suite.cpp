#include "runners/conformance/suite.h"

#include <cmath>

namespace windtunnel::runners {

void CaseResult::compare(const std::string& what, double got, double expected, double allowed) {
  if (!std::isfinite(got) || !std::isfinite(expected)) {
    expect(what, (std::isnan(got) && std::isnan(expected)) || got == expected);
    return;
  }
  record(what, std::abs(got - expected), allowed);
}

void CaseResult::record(const std::string& what, double value, double allowed) {
  ++comparisons;
  if (!std::isfinite(value)) {
    if (failure.empty()) failure = what + ": deviation is not finite";
    return;
  }
  const double ratio = value == 0 ? 0 : value / allowed;
  if (ratio > deviation || comparisons == 1) {
    deviation = ratio;
    worst = value;
    tolerance = allowed;
    where = what;
  }
}

void CaseResult::expect(const std::string& what, bool equal) {
  ++comparisons;
  if (!equal && failure.empty()) failure = what + " differs";
}

std::vector<SuiteInfo>& suites() {
  static std::vector<SuiteInfo> instance;
  return instance;
}

}  // namespace windtunnel::runners
