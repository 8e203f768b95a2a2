#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "baselines/trace.h"
#include "runners/conformance/model_case.h"

namespace windtunnel::runners {

/// How a folder of golden/baselines maps to a registered model.
struct PublishedModel {
  std::string folder;                        ///< "gk"
  std::string baseline;                      ///< "gk_transformer"
  core::Json (*options)(core::Json config);  ///< published configuration -> our options
};
/// Null if the folder belongs to another part.
const PublishedModel* published_model(const std::string& folder);

/// Context with the shapes of a golden case or of a published configuration, (T,H,W,C) each.
baselines::ModelContext golden_context(const core::Json& shape_in, const core::Json& shape_out,
                                       const std::string& compat = "published");

/// Keeps the first value of every traced module and answers dropout layers.
class Recorder : public baselines::Trace {
 public:
  enum class Dropout { draw, off, masks };
  explicit Recorder(Dropout dropout) : dropout_(dropout) {}
  /// Masks (1 = kept) named prefix0, prefix1 ... in call order.
  Recorder(const GoldenTensors& tensors, const std::string& prefix);

  void value(const std::string& name, const at::Tensor& value) override;
  at::Tensor dropout(const at::Tensor& x, double p) override;
  const std::map<std::string, at::Tensor>& values() const { return values_; }
  bool all_used() const { return next_ == masks_.size(); }

 private:
  Dropout dropout_;
  std::map<std::string, at::Tensor> values_;
  std::vector<at::Tensor> masks_;
  size_t next_ = 0;
};

/// Names, dtypes, shapes and order of a state dictionary against [[name, dtype, shape], ...].
void compare_state_layout(CaseResult& result, const StateDict& state, const core::Json& expected);
/// Exact comparison of all entries.
void compare_state_values(CaseResult& result, const std::string& what, const StateDict& got,
                          const StateDict& expected);
/// Deviation in units of the expected tensor's standard deviation.
void compare_by_deviation(CaseResult& result, const std::string& what, const at::Tensor& got,
                          const at::Tensor& expected, double tolerance);

struct GradientTolerance {
  double relative;   ///< of the gradient's norm
  double vanishing;  ///< gradients below this fraction of the largest count as zero
};
/// Norms {name: norm or null} of all gradients, and the gradients that `tensors` holds as grad/<name>.
void compare_golden_gradients(CaseResult& result, const baselines::Baseline& model, const core::Json& norms,
                              const GoldenTensors& tensors, const std::string& kernels,
                              const std::string& origin, const GradientTolerance& tolerance);

struct UpdateTolerance {
  double loss, norm;  ///< relative
  double weights;     ///< of the standard deviation
};
/// Repeats the case's updates of Adam and compares losses, gradient norms and the weights trained/<name>.
void repeat_golden_updates(CaseResult& result, baselines::Baseline& model, const core::Json& steps,
                           const GoldenTensors& tensors, const std::string& kernels,
                           const std::string& origin, const std::function<at::Tensor()>& loss_of,
                           const UpdateTolerance& tolerance);

/// One trained model against <case>.json, .pth and .safetensors.
void check_model_case(CaseResult& result, const PublishedModel& model, const std::filesystem::path& json);

/// Cases with a layout of their own, told apart by their JSON: filter matrices, Fourier resizing, backbone
/// loading. False if the case is none of them.
bool check_special_case(CaseResult& result, const PublishedModel& model, const std::filesystem::path& json);

/// State layouts and parameter counts of one published configuration ("mwt/cylinder") of params-b.json.
void check_published_parameters(CaseResult& result, const std::string& baseline, const std::string& scenario,
                                const core::Json& expected);
/// Distribution of every parameter after construction against one entry of init_stats-b.json.
void check_initial_values(CaseResult& result, const PublishedModel& model, const core::Json& golden_case,
                          const core::Json& expected);

}  // namespace windtunnel::runners
