#include "tasks/setting.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace windtunnel::tasks {
namespace {

datasets::Scenario with_sides(std::vector<Side> sides) {
  datasets::Scenario scenario;
  scenario.name = "x";
  datasets::FieldInfo field;
  field.name = "u";
  field.sides = sides;
  field.measured = true;
  scenario.fields = {field};
  for (const Side side : sides) scenario.folders[to_string(side)] = to_string(side);
  return scenario;
}

TEST(Setting, FinetuningHasTwoStages) {
  const auto& s = setting("finetune");
  ASSERT_EQ(s.stages.size(), 2u);
  EXPECT_EQ(s.stages[0].train, Side::numerical);
  EXPECT_FALSE(s.stages[0].from_previous);
  EXPECT_EQ(s.stages[1].train, Side::real);
  EXPECT_TRUE(s.stages[1].from_previous);
  EXPECT_EQ(s.stages[0].validate, Side::real);
  EXPECT_EQ(s.test, Side::real);
}

TEST(Setting, PublishedNames) {
  EXPECT_EQ(setting("simulated_training").name, "simulated");
  EXPECT_EQ(setting("real_training").name, "real");
  EXPECT_EQ(setting("real_finetuning").name, "finetune");
  EXPECT_EQ(setting("numerical").name, "simulated");
  EXPECT_THROW(setting("finetun"), Error);
}

TEST(Setting, SaysWhichSideIsMissing) {
  const auto measured_only = with_sides({Side::real});
  try {
    resolve_setting(setting("simulated"), measured_only);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_EQ(error.found(),
              "setting 'simulated' needs a simulated side; scenario 'x' has only measured data");
  }
  EXPECT_NO_THROW(resolve_setting(setting("real"), measured_only));
  EXPECT_THROW(resolve_setting(setting("real"), with_sides({Side::numerical})), Error);
}

TEST(Setting, SimulatedDataThatNobodyMeasuredAreTestedAmongThemselves) {
  const auto simulated = resolve_setting(setting("simulated"), with_sides({Side::numerical}));
  EXPECT_EQ(simulated.test, Side::numerical);
  EXPECT_EQ(simulated.stages[0].validate, Side::numerical);
  EXPECT_EQ(resolve_setting(setting("simulated"), with_sides({Side::numerical, Side::real})).test,
            Side::real);
  EXPECT_THROW(resolve_setting(setting("finetune"), with_sides({Side::numerical})), Error);
}

TEST(Setting, SingleTakesTheOnlySide) {
  const auto simulated = resolve_setting(setting("single"), with_sides({Side::numerical}));
  EXPECT_EQ(simulated.test, Side::numerical);
  EXPECT_EQ(simulated.stages[0].train, Side::numerical);
  EXPECT_EQ(simulated.stages[0].validate, Side::numerical);
  EXPECT_EQ(resolve_setting(setting("single"), with_sides({Side::numerical, Side::real})).test, Side::real);
}

}  // namespace
}  // namespace windtunnel::tasks
