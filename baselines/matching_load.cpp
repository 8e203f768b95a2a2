#include "baselines/matching_load.h"

#include <ATen/core/grad_mode.h>

#include <map>
#include <set>

#include "core/error.h"
#include "core/log.h"
#include "core/text.h"

namespace windtunnel::baselines {
namespace {

std::string shorten(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  std::vector<std::string> head(names.begin(),
                                names.begin() + static_cast<int64_t>(std::min(kShown, names.size())));
  if (names.size() > kShown) head.push_back("... (" + std::to_string(names.size()) + " in all)");
  return core::join(head, ", ");
}

}  // namespace

MatchReport load_matching(Baseline& model, const StateDict& given, const std::string& origin) {
  const std::map<std::string, at::Tensor> by_name(given.begin(), given.end());
  MatchReport report;
  at::NoGradGuard guard;
  const auto copy = [&](const std::string& name, const at::Tensor& target) {
    const auto it = by_name.find(name);
    if (it == by_name.end() || it->second.sizes() != model.to_published(name, target).sizes()) {
      report.kept.push_back(name);
      return;
    }
    target.copy_(model.from_published(name, it->second));
    report.loaded.push_back(name);
  };
  for (const auto& item : model.named_parameters()) copy(item.key(), item.value());
  for (const auto& item : model.named_buffers()) copy(item.key(), item.value());
  if (report.loaded.empty())
    throw model_error(origin + ": none of its " + std::to_string(given.size()) + " entries fits the model",
                      "entries with the model's names and shapes", "check which model the file belongs to");
  const std::set<std::string> loaded(report.loaded.begin(), report.loaded.end());
  for (const auto& [name, value] : given)
    if (!loaded.count(name)) report.skipped.push_back(name);
  if (!report.kept.empty())
    core::log_warning(origin +
                      ": not in the file or of another shape, initial values stay: " + shorten(report.kept));
  if (!report.skipped.empty()) core::log_warning(origin + ": entries not used: " + shorten(report.skipped));
  return report;
}

}  // namespace windtunnel::baselines
