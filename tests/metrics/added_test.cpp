#include "metrics/added.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace windtunnel::metrics {
namespace {

AddedMetric first_value_error(const std::string& id) {
  AddedMetric metric;
  metric.card.id = id;
  metric.card.name = "First value";
  metric.card.formula = "|P - Y| of the first value";
  metric.card.unit = "1";
  metric.card.reference = "this test";
  metric.origin = "test 1";
  metric.value = [](const core::Array& p, const core::Array& y) {
    EXPECT_EQ(p.shape, y.shape);
    EXPECT_EQ(p.shape.size(), 4u);
    return std::abs(double{p.data[0]} - double{y.data[0]});
  };
  return metric;
}

TEST(AddedMetric, IsInTheCatalogueAndScoresWindowByWindow) {
  add_metric(first_value_error("first_value"));
  EXPECT_EQ(card("first_value").family, "test 1");
  EXPECT_EQ(find_added("first_value")->origin, "test 1");
  EXPECT_EQ(find_added("rmse"), nullptr);

  const core::Array target({2, 1, 1, 2, 3}, {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60});
  core::Array prediction = target;
  prediction.data[0] = 1.5f;   // first window
  prediction.data[6] = 12.0f;  // second window
  prediction.data[2] = 99.0f;  // a channel that is not compared
  const auto family = make_added();
  family->add(prediction, target, 2);
  ASSERT_EQ(family->columns(), std::vector<std::string>{"first_value"});
  EXPECT_EQ(family->rows()[0][0], 0.5);
  EXPECT_EQ(family->rows()[1][0], 2.0);
  EXPECT_EQ(family->totals()[0].value, 1.25);
}

TEST(AddedMetric, IncompleteOrTakenOnesAreRefusedWithTheReason) {
  const auto refused = [](AddedMetric metric, const std::string& reason) {
    try {
      add_metric(std::move(metric));
      ADD_FAILURE() << reason;
    } catch (const Error& error) {
      EXPECT_NE((error.found() + error.expected()).find(reason), std::string::npos) << error.found();
    }
  };
  refused(first_value_error("rmse"), "exists already: built in");
  refused(first_value_error("Bad-Id"), "lower-case");
  AddedMetric metric = first_value_error("other");
  metric.card.formula.clear();
  refused(metric, "no formula");
  metric = first_value_error("other");
  metric.card.aggregation = "set";
  refused(metric, "mean over the windows");
  metric = first_value_error("other");
  metric.value = nullptr;
  refused(metric, "no function");
  EXPECT_FALSE(has_card("other"));
}

}  // namespace
}  // namespace windtunnel::metrics
