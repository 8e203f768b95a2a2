#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/registry.h"

namespace windtunnel::runners {

/// Outcome of one golden case: the largest deviation over everything compared, in units of its tolerance's
/// quantity.
struct CaseResult {
  std::string name;      ///< "fno/fno_p1"
  double deviation = 0;  ///< largest deviation / tolerance over all comparisons; passes if <= 1
  double worst = 0;      ///< the deviation itself at that comparison
  double tolerance = 0;  ///< and its tolerance
  std::string where;     ///< what was compared there: "grad_train fc0.weight"
  std::string failure;  ///< not empty: the case failed for this reason (exception, wrong kind, missing value)
  int comparisons = 0;
  bool passed() const { return failure.empty() && comparisons > 0 && deviation <= 1; }

  /// Records |got - expected| against `tolerance`. NaN and infinities must match in kind.
  void compare(const std::string& what, double got, double expected, double tolerance);
  /// Records a deviation computed by the caller.
  void record(const std::string& what, double deviation, double tolerance);
  /// Records an exact comparison.
  void expect(const std::string& what, bool equal);
};

/// Compares this build with the golden data under `folder`; calls `report` once per case.
using ReportCase = std::function<void(const CaseResult&)>;

/// Runs `check` and reports its result under `name`; an exception becomes the case's failure.
void run_case(const std::string& name, const ReportCase& report,
              const std::function<void(CaseResult&)>& check);

using SuiteFunction = std::function<void(const std::filesystem::path& folder,
                                         const std::function<void(const CaseResult&)>& report)>;

struct SuiteInfo {
  std::string name;  ///< also the folder's name under the golden root: "metrics"
  std::string part;  ///< several parts may serve one suite: "fno-unet-cno-deeponet-dmd"
  SuiteFunction run;
};

std::vector<SuiteInfo>& suites();

struct SuiteRegistration {
  explicit SuiteRegistration(SuiteInfo info) { suites().push_back(std::move(info)); }
};

}  // namespace windtunnel::runners
