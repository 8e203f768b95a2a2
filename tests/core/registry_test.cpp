#include "core/registry.h"

#include "tests/core/caught.h"

namespace windtunnel::core {
namespace {

struct Info {
  std::string name, origin;
};

TEST(Registry, FindsAndListsInOrder) {
  Registry<Info> registry("baseline");
  registry.add({"fno", "built in"});
  registry.add({"cno", "built in"});
  EXPECT_TRUE(registry.contains("fno"));
  EXPECT_FALSE(registry.contains("unet"));
  EXPECT_EQ(registry.at("cno").origin, "built in");
  EXPECT_EQ(registry.names(), (std::vector<std::string>{"cno", "fno"}));
}

TEST(Registry, DuplicateNamesBothOrigins) {
  Registry<Info> registry("baseline");
  registry.add({"fno", "built in"});
  const Error error = caught([&] { registry.add({"fno", "./plugin.so"}); });
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_EQ(error.found(), "baseline 'fno' is registered twice: built in and ./plugin.so");
  EXPECT_EQ(registry.at("fno").origin, "built in");
}

TEST(Registry, UnknownNamesTheNearest) {
  Registry<Info> registry("metric");
  registry.add({"rmse", "built in"});
  const Error error = caught([&] { registry.at("rmsd"); });
  EXPECT_EQ(error.found(), "unknown metric 'rmsd'");
  EXPECT_TRUE(has(error.hint(), "did you mean 'rmse'?"));
}

}  // namespace
}  // namespace windtunnel::core
