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

void run_case(const std::string& name, const ReportCase& report,
              const std::function<void(CaseResult&)>& check) {
  CaseResult result;
  result.name = name;
  try {
    check(result);
  } catch (const std::exception& e) {
    const std::string text = e.what();  // LibTorch appends a stack trace to its messages
    result.failure = text.substr(0, text.find('\n'));
  }
  report(result);
}

std::vector<SuiteInfo>& suites() {
  static std::vector<SuiteInfo> instance;
  return instance;
}

}  // namespace windtunnel::runners
