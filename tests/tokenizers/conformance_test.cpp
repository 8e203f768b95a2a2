#include <gtest/gtest.h>

#include "runners/conformance/suite.h"

namespace windtunnel {
namespace {

// The golden cases kept with the tests; the program's `conformance` verb runs the same checks on the full
// set.
TEST(TokenizersConformance, EveryCasePasses) {
  int cases = 0;
  for (const auto& suite : runners::suites())
    if (suite.name == "tokenizers")
      suite.run(WINDTUNNEL_GOLDEN "/tokenizers", [&](const runners::CaseResult& result) {
        ++cases;
        EXPECT_TRUE(result.passed()) << result.name << ": " << result.failure << " deviation " << result.worst
                                     << " of tolerance " << result.tolerance << " at " << result.where;
      });
  EXPECT_GT(cases, 3);
}

}  // namespace
}  // namespace windtunnel
