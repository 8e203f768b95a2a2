#include "core/text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "core/array.h"

namespace windtunnel::core {
namespace {

TEST(Text, JoinsAndSplits) {
  EXPECT_EQ(join({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(join({"", ""}, ","), ",");
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string>{""}));
  EXPECT_EQ(split("a,", ','), (std::vector<std::string>{"a", ""}));
}

TEST(Text, Trims) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

TEST(Text, FindsTheNearestName) {
  const std::vector<std::string> names{"cno", "fno", "unet", "transolver"};
  EXPECT_EQ(nearest("fn", names), "fno");
  EXPECT_EQ(nearest("u-net", names), "unet");
  EXPECT_EQ(nearest("transsolver", names), "transolver");
  EXPECT_EQ(nearest("xyz", names), "");
  EXPECT_EQ(nearest("a", {}), "");
}

TEST(Text, SuggestsTheNearestAndListsAll) {
  EXPECT_EQ(suggestion("fni", {"cno", "fno"}), "did you mean 'fno'? known: cno, fno");
  EXPECT_EQ(suggestion("qqqq", {"cno", "fno"}), "known: cno, fno");
}

TEST(Text, WritesTheShortestNumberThatReadsBack) {
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(1e-5), "1e-05");
  EXPECT_EQ(number(3), "3");
  EXPECT_EQ(number(-2.5), "-2.5");
  for (const double value : {1.0 / 3, 1e300, 5e-324, 123456789.123456789, std::numeric_limits<double>::max()})
    EXPECT_EQ(std::strtod(number(value).c_str(), nullptr), value);
}

TEST(Text, WritesShapes) {
  EXPECT_EQ(to_string(Shape{2, 20, 64}), "(2, 20, 64)");
  EXPECT_EQ(to_string(Shape{}), "()");
}

TEST(Array, StartsWithZerosAndCounts) {
  const Array array({2, 3});
  EXPECT_EQ(array.data, std::vector<float>(6, 0.0f));
  EXPECT_EQ(array.size(1), 3);
  EXPECT_EQ(numel({}), 1);
  EXPECT_EQ(numel({4, 0}), 0);
}

}  // namespace
}  // namespace windtunnel::core
