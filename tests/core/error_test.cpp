#include "core/error.h"

#include "tests/core/caught.h"

namespace windtunnel::core {
namespace {

TEST(Error, SaysWhatWasFoundAndExpectedAndWhatToDo) {
  const Error error = data_error("a.h5: no field 'u'", "a field 'u'", "run data verify");
  EXPECT_STREQ(error.what(), "a.h5: no field 'u'\n  expected: a field 'u'\n  hint: run data verify");
  EXPECT_EQ(error.found(), "a.h5: no field 'u'");
  EXPECT_EQ(error.expected(), "a field 'u'");
  EXPECT_EQ(error.hint(), "run data verify");
}

TEST(Error, LeavesOutWhatIsNotGiven) {
  EXPECT_STREQ(model_error("too deep").what(), "too deep");
  EXPECT_STREQ(model_error("too deep", "", "less").what(), "too deep\n  hint: less");
}

TEST(Error, KindIsTheExitCode) {
  EXPECT_EQ(usage_error("x").exit_code(), 2);
  EXPECT_EQ(data_error("x").exit_code(), 3);
  EXPECT_EQ(model_error("x").exit_code(), 4);
  EXPECT_EQ(environment_error("x").exit_code(), 5);
  EXPECT_EQ(Error(ErrorKind::interrupted, "x").exit_code(), 6);
}

}  // namespace
}  // namespace windtunnel::core
