#include "core/random.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>

#include "core/json.h"

namespace windtunnel::core {
namespace {

// Values of CPython's random.Random for several seeds.
TEST(PythonRandom, EqualsPython) {
  const Json golden = read_json(std::string(WINDTUNNEL_GOLDEN) + "/datasets/common/python_random.json");
  ASSERT_GE(golden.size(), 3u);
  for (const auto& [text, expected] : golden.items()) {
    SCOPED_TRACE("seed " + text);
    const auto seed = static_cast<uint64_t>(std::abs(std::stoll(text)));  // Python drops the sign
    PythonRandom uniform(seed);
    for (const auto& value : expected.at("random")) EXPECT_EQ(uniform.random(), value.get<double>());
    for (const int bits : {5, 32}) {
      PythonRandom words(seed);
      for (const auto& value : expected.at("getrandbits" + std::to_string(bits)))
        EXPECT_EQ(words.getrandbits(bits), value.get<uint32_t>());
    }
    for (const int size : {1, 2, 12, 33}) {
      std::vector<int> list(static_cast<size_t>(size));
      std::iota(list.begin(), list.end(), 0);
      PythonRandom(seed).shuffle(list);
      EXPECT_EQ(list, expected.at("shuffle" + std::to_string(size)).get<std::vector<int>>());
    }
    PythonRandom chooser(seed);
    for (const auto& value : expected.at("choice_of_7"))
      EXPECT_EQ(chooser.choice(std::vector<int>{0, 1, 2, 3, 4, 5, 6}), value.get<int>());
  }
}

TEST(PythonRandom, KnownFirstDraws) {
  EXPECT_EQ(PythonRandom(0).random(), 0.8444218515250481);
  EXPECT_EQ(PythonRandom(42).random(), 0.6394267984578837);
  EXPECT_EQ(PythonRandom((uint64_t{1} << 40) + 7).random(), 0.6137037779936511);  // two 32-bit words of seed
}

TEST(PythonRandom, BelowStaysBelow) {
  PythonRandom random(1);
  for (int i = 0; i < 1000; ++i) EXPECT_LT(random.below(7), 7u);
  EXPECT_EQ(random.below(1), 0u);
}

TEST(PythonRandom, NormalHasMeanZeroAndDeviationOne) {
  PythonRandom random(3);
  double sum = 0, squares = 0;
  constexpr int count = 20000;
  for (int i = 0; i < count; ++i) {
    const double value = random.normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / count, 0, 0.03);
  EXPECT_NEAR(squares / count, 1, 0.05);
}

}  // namespace
}  // namespace windtunnel::core
