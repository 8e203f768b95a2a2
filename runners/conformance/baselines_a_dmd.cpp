#include <ATen/TensorOperators.h>

#include <algorithm>
#include <complex>

#include "baselines/dmd/dmd.h"
#include "core/error.h"
#include "runners/conformance/baselines_a.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

constexpr double kOutput = 1e-5;  // of max |output|
constexpr double kFit = 1e-4;     // of the largest value: the reference rounds the fit to single precision

struct Mode {
  std::complex<double> eigenvalue;
  double amplitude, contribution;
};

/// Modes in an order that does not depend on how ties and conjugate pairs were arranged.
void sort(std::vector<Mode>& modes) {
  std::sort(modes.begin(), modes.end(), [](const Mode& a, const Mode& b) {
    const double real = a.eigenvalue.real() - b.eigenvalue.real();
    return std::abs(real) > 1e-5 ? real < 0 : a.amplitude < b.amplitude;
  });
}

void compare_fit(CaseResult& result, const baselines::DmdFit& fit, const core::Json& expected) {
  std::vector<Mode> got, wanted;
  const at::Tensor norms = fit.modes.norm(at::Scalar(2), 0);
  for (int64_t i = 0; i < fit.eigenvalues.size(0); ++i) {
    const auto lambda = static_cast<std::complex<double>>(fit.eigenvalues[i].item<c10::complex<double>>());
    const double amplitude = fit.amplitudes[i].abs().item<double>();
    got.push_back(
        {{lambda.real(), std::abs(lambda.imag())}, amplitude, amplitude * norms[i].abs().item<double>()});
  }
  const core::Json &re = expected.at("eigenvalues_re"), &im = expected.at("eigenvalues_im");
  for (size_t i = 0; i < re.size(); ++i)
    wanted.push_back({{re[i].get<double>(), std::abs(im[i].get<double>())},
                      expected.at("amplitude_abs")[i].get<double>(),
                      expected.at("contribution_norm")[i].get<double>()});
  const core::Json& shape = expected.at("modes_shape");
  result.expect("shape of the modes", fit.modes.size(0) == shape.at(0).get<int64_t>() &&
                                          fit.modes.size(1) == shape.at(1).get<int64_t>());
  if (got.size() != wanted.size()) return result.expect("number of modes", false);
  sort(got);
  sort(wanted);
  double largest = 0, strongest = 0;
  for (const auto& mode : wanted) {
    largest = std::max(largest, mode.amplitude);
    strongest = std::max(strongest, mode.contribution);
  }
  for (size_t i = 0; i < got.size(); ++i) {
    result.record("eigenvalue", std::abs(got[i].eigenvalue - wanted[i].eigenvalue), kFit);
    result.compare("amplitude", got[i].amplitude, wanted[i].amplitude, kFit * largest);
    result.compare("contribution", got[i].contribution, wanted[i].contribution, kFit * strongest);
  }
}

}  // namespace

void check_dmd(CaseResult& result, const fs::path& path) {
  const core::Json json = core::read_json(path.string());
  const GoldenTensors tensors(fs::path(path).replace_extension(".safetensors"));
  const at::Tensor input = tensors.at("input");
  const auto shape = [](const at::Tensor& x) {
    return baselines::SampleShape{x.size(1), x.size(2), x.size(3), x.size(4)};
  };
  const auto make = [&](const std::string& compat) {
    const auto model = baselines::make_baseline("dmd", {shape(input), shape(tensors.at("output")), compat},
                                                json.at("config"), path.filename().string());
    return std::dynamic_pointer_cast<baselines::Dmd>(model);
  };
  const auto model = make("published");
  const at::Tensor output = model->forward(input);
  compare_tensor(result, "output", output, tensors.at("output"), kOutput);
  result.expect("dtype of the output", output.scalar_type() == tensors.at("output").scalar_type());
  compare_tensor(result, "output_f64", output, tensors.at("output_f64"), kOutput);
  if (tensors.contains("output_discrete_time_f64"))
    compare_tensor(result, "output_discrete_time_f64", make("corrected")->forward(input),
                   tensors.at("output_discrete_time_f64"), kOutput);
  for (int64_t b = 0; b < input.size(0); ++b) {
    const baselines::DmdFit fit = model->fit(input[b]);
    compare_tensor(result, "singular values", fit.singular_values, tensors.at("singular_values_f64")[b],
                   kOutput);
    compare_fit(result, fit, json.at("fits").at(static_cast<size_t>(b)));
  }
  result.expect("no parameters", model->parameter_count() == 0 && model->state().empty());
}

}  // namespace windtunnel::runners
