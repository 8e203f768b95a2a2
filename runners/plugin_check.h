#pragma once

#include <exception>
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

/// Shapes, finite values, independence of the batch, gradients, determinism, save and load of a registered
/// baseline with its default options. Stops at the first failure that makes the rest meaningless.
std::vector<CheckLine> check_baseline(const std::string& name, const baselines::ModelContext& context);

}  // namespace windtunnel::runners
