#include "core/log.h"

#include "tests/core/caught.h"

namespace windtunnel::core {
namespace {

TEST(Log, ProgressEndsWithAPlainLine) {
  testing::internal::CaptureStderr();
  {
    Progress progress("train", 4, 1000);
    for (int64_t i = 1; i <= 4; ++i) progress.update(i, "loss 0.5");
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(has(text, "train 4/4"));
  EXPECT_TRUE(has(text, "loss 0.5"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST(Log, QuietKeepsProgressAway) {
  set_log_quiet(true);
  testing::internal::CaptureStderr();
  {
    Progress progress("train", 1, 0);
    progress.update(1);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  set_log_quiet(false);
}

}  // namespace
}  // namespace windtunnel::core
