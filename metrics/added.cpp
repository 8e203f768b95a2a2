#include "metrics/added.h"

#include <algorithm>

#include "core/error.h"

namespace windtunnel::metrics {

std::vector<MetricCard>& mutable_catalogue();  // metric.cpp

namespace {

std::vector<AddedMetric>& added() {
  static std::vector<AddedMetric> list;
  return list;
}

void require_complete(const AddedMetric& metric) {
  const MetricCard& card = metric.card;
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  const std::string who = metric.origin + ": metric '" + card.id + "'";
  if (card.id.empty() || !std::all_of(card.id.begin(), card.id.end(), allowed))
    throw core::usage_error(who, "an id of lower-case letters, digits and '_'");
  if (has_card(card.id)) {
    const AddedMetric* other = find_added(card.id);
    throw core::usage_error(who + " exists already: " + (other ? other->origin : "built in"), "a new id");
  }
  for (const auto& [key, text] :
       {std::pair("name", &card.name), std::pair("formula", &card.formula), std::pair("unit", &card.unit)})
    if (text->empty())
      throw core::usage_error(who + ": its card has no " + key, "name, formula and unit ('1' for a number)");
  if (card.aggregation != "mean")
    throw core::usage_error(who + ": aggregation '" + card.aggregation + "'", "mean over the windows");
  if (card.version < 1 || card.decimals < 0)
    throw core::usage_error(who + ": version or decimals", "a version from 1, decimals from 0");
  if (!metric.value) throw core::usage_error(who + " has no function", "a function of one window");
}

class Added : public FamilyAccumulator {
 public:
  std::vector<std::string> columns() const override {
    std::vector<std::string> ids;
    for (const auto& metric : added()) ids.push_back(metric.card.id);
    return ids;
  }
  std::vector<Score> totals() const override {
    std::vector<Score> list;
    for (size_t k = 0; k < added().size(); ++k) list.push_back(mean_of(k));
    return list;
  }

 protected:
  std::vector<double> row(const core::Array& prediction, const core::Array& target) override {
    const core::Array p = window(prediction), y = window(target);
    std::vector<double> values;
    for (const auto& metric : added()) values.push_back(metric.value(p, y));
    return values;
  }

 private:
  /// (1,T,H,W,C) as (T,H,W,C).
  static core::Array window(core::Array field) {
    field.shape.erase(field.shape.begin());
    return field;
  }
};

}  // namespace

void add_metric(AddedMetric metric) {
  require_complete(metric);
  metric.card.family = metric.origin;
  if (metric.card.undefined.empty()) metric.card.undefined = "the metric has no finite value on a window";
  mutable_catalogue().push_back(metric.card);
  added().push_back(std::move(metric));
}

const std::vector<AddedMetric>& added_metrics() { return added(); }

const AddedMetric* find_added(const std::string& id) {
  for (const auto& metric : added())
    if (metric.card.id == id) return &metric;
  return nullptr;
}

std::unique_ptr<FamilyAccumulator> make_added() {
  return added().empty() ? nullptr : std::make_unique<Added>();
}

}  // namespace windtunnel::metrics
