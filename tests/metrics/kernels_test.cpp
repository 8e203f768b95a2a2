#include <gtest/gtest.h>

#include "fields.h"
#include "metrics/sample_kernel.h"

namespace windtunnel::metrics {
namespace {

void expect_near(double fast, double reference, const std::string& what) {
  EXPECT_NEAR(fast, reference, 1e-11 * (1 + std::abs(reference))) << what;
}

// Every pair of reference and fast implementation of the folder.
TEST(Kernels, FastEqualsReference) {
  const int64_t sizes[][6] = {{4, 6, 8, 2, 2, 2},  {5, 7, 9, 2, 3, 3},   {10, 12, 16, 2, 2, 3},
                              {7, 9, 11, 1, 1, 1}, {1, 8, 8, 2, 2, 2},   {2, 8, 8, 2, 2, 2},
                              {9, 4, 6, 3, 3, 3},  {6, 6, 6, 1, 16, 16}, {20, 8, 12, 2, 3, 2},
                              {8, 3, 2, 2, 2, 2},  {12, 1, 9, 2, 2, 2},  {13, 17, 5, 2, 4, 2}};
  for (const auto& n : sizes) {
    const SampleShape shape{n[0], n[1], n[2], n[3], n[4], n[5]};
    const auto y = testing::waves({1, n[0], n[1], n[2], n[5]}, 3);
    const auto p = testing::waves({1, n[0], n[1], n[2], n[4]}, 4);
    SampleSums fast, reference;
    const auto kernel = make_kernel(Kernels::fast, shape);
    kernel->run(y.data.data(), y.data.data(), fast);  // scratch memory of an earlier sample must not matter
    kernel->run(p.data.data(), y.data.data(), fast);
    make_kernel(Kernels::reference, shape)->run(p.data.data(), y.data.data(), reference);
    const std::string what =
        "T=" + std::to_string(n[0]) + " H=" + std::to_string(n[1]) + " W=" + std::to_string(n[2]);
    expect_near(fast.squared_error, reference.squared_error, what + " squared error");
    expect_near(fast.absolute_error, reference.absolute_error, what + " absolute error");
    expect_near(fast.target_squares, reference.target_squares, what + " target squares");
    expect_near(fast.ke, reference.ke, what + " ke");
    expect_near(fast.fe_summed, reference.fe_summed, what + " fe");
    expect_near(fast.fe_separate, reference.fe_separate, what + " fe per channel");
    ASSERT_EQ(fast.error_energy.size(), reference.error_energy.size()) << what;
    for (size_t i = 0; i < fast.error_energy.size(); ++i) {
      expect_near(fast.error_energy[i], reference.error_energy[i], what + " error energy");
      expect_near(fast.target_energy[i], reference.target_energy[i], what + " target energy");
    }
  }
}

}  // namespace
}  // namespace windtunnel::metrics
