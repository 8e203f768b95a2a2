#include <gtest/gtest.h>

#include "runners/conformance/suite.h"

namespace windtunnel::runners {
namespace {

// The conformance suite of the metrics and the evaluation loop on the copy of the golden data in the tree.
TEST(Golden, MetricsAndEvaluationLoop) {
  int cases = 0;
  for (const auto& suite : suites())
    suite.run(WINDTUNNEL_GOLDEN "/metrics", [&](const CaseResult& result) {
      ++cases;
      EXPECT_TRUE(result.passed()) << result.name << ": " << result.failure << " " << result.where
                                   << " deviates by " << result.worst << ", allowed " << result.tolerance;
    });
  EXPECT_EQ(cases, 19);
}

}  // namespace
}  // namespace windtunnel::runners
