// Every golden case of the datasets that has a copy here, through the code of `windtunnel conformance`.
#include <gtest/gtest.h>

#include <map>

#include "runners/conformance/suite.h"

namespace windtunnel::runners {
namespace {

TEST(Conformance, EveryCopiedGoldenCase) {
  const std::filesystem::path folder = std::filesystem::path(WINDTUNNEL_GOLDEN) / "datasets";
  std::map<std::string, int> cases;
  for (const auto& suite : suites()) {
    if (suite.name != "datasets") continue;
    suite.run(folder, [&](const CaseResult& result) {
      EXPECT_TRUE(result.passed()) << result.name << ": " << result.where << " " << result.failure
                                   << " off by " << result.worst << ", tolerance " << result.tolerance;
      ++cases[suite.part];
    });
  }
  EXPECT_EQ(cases["realpdebench-arrow"], 8 + 3);  // one scenario, three variants
  EXPECT_EQ(cases["the-well"], 6);
  EXPECT_EQ(cases["pdebench"], 8);
  EXPECT_EQ(cases["surrogate"], 2);
  EXPECT_GE(cases["realpdebench-hdf5"], 14);
  EXPECT_GE(cases["common"], 10);
}

}  // namespace
}  // namespace windtunnel::runners
