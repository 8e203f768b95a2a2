#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "baselines/baseline.h"
#include "core/error.h"

namespace windtunnel::runners {

/// The first line of what foreign code threw, whatever it was; call inside a catch block.
std::string thrown_text();

/// Calls foreign code: anything thrown but our own errors becomes a model error "`who` threw: ...".
template <class F>
auto guarded(const std::string& who, const F& f) {
  try {
    return f();
  } catch (const Error&) {
    throw;
  } catch (...) {
    throw model_error(who + " threw: " + thrown_text(), "no exception",
                      "run `windtunnel plugin check` on it");
  }
}

/// One forecast of zeros with a model from outside: a model error unless it returns a finite float tensor of
/// the context's output shape. The random stream and the model stay as they were.
void try_model(const std::shared_ptr<baselines::Baseline>& model, const baselines::ModelContext& context,
               const std::string& who);

/// One line of `plugin check`.
struct CheckLine {
  std::string what;
  bool passed = false;
  std::string detail;
};

/// Runs one check: it passes if `body` returns nothing or a remark in brackets, and throws nothing.
CheckLine checked(const std::string& what, const std::function<std::string()>& body);

/// Shapes, finite values, independence of the batch, gradients, determinism, save and load of a registered
/// baseline with its default options. Stops at the first failure that makes the rest meaningless.
std::vector<CheckLine> check_baseline(const std::string& name, const baselines::ModelContext& context);

/// A plug-in's metric on made windows of `shape`: finite on a good and on a perfect forecast; the same window
/// gives the same value whatever came before; a worse forecast scores worse in the direction of its card; a
/// forecast that is not finite neither throws nor gives a finite value.
std::vector<CheckLine> check_metric(const std::string& id, const baselines::SampleShape& shape);

/// A plug-in's format: finds nothing in an empty folder, and opening that is a data error.
std::vector<CheckLine> check_format(const std::string& name);

}  // namespace windtunnel::runners
