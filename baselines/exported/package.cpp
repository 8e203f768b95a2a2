#include "baselines/exported/package.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "core/array.h"
#include "core/error.h"
#include "core/sha256.h"
#include "core/text.h"

namespace windtunnel::baselines {
namespace {

using Loader = torch::inductor::AOTIModelPackageLoader;
using Facts = std::unordered_map<std::string, std::string>;

constexpr const char* kCompiled = "a package written by torch._inductor.aoti_compile_and_package";

std::string first_line(const std::exception& problem) {
  const auto* torch = dynamic_cast<const c10::Error*>(&problem);
  const std::string text = torch ? torch->what_without_backtrace() : problem.what();
  return text.substr(0, text.find('\n'));
}

/// Instruction sets as packages name them; what is not listed is not known to matter.
std::string lacking(const std::string& needed) {
  const std::map<std::string, bool> here = {
#if defined(__x86_64__)
    {"AVX2", __builtin_cpu_supports("avx2") != 0},
    {"AVX512", __builtin_cpu_supports("avx512f") != 0},
    {"AVX512_VNNI", __builtin_cpu_supports("avx512vnni") != 0},
#endif
  };
  for (const auto& name : core::split(needed, ' '))
    if (const auto it = here.find(name); it != here.end() && !it->second) return name;
  return "";
}

/// Native code is looked at before it is loaded.
void check_machine(const std::string& file, const Facts& facts) {
  const auto fact = [&](const char* key) {
    const auto it = facts.find(key);
    return it == facts.end() ? std::string() : it->second;
  };
  const auto refuse = [&](const std::string& found, const std::string& expected) {
    throw model_error(file + ": compiled for " + found, expected, "compile it again on this kind of machine");
  };
  if (const auto device = fact("AOTI_DEVICE_KEY"); !device.empty() && device != "cpu")
    refuse("device " + device, "device cpu");
#if defined(__x86_64__)
  if (const auto machine = fact("AOTI_MACHINE"); !machine.empty() && machine != "x86_64")
    refuse("machine " + machine, "x86_64");
#endif
  if (const auto instruction = lacking(fact("AOTI_CPU_ISA")); !instruction.empty())
    refuse(fact("AOTI_CPU_ISA"), "instructions of this processor, which lacks " + instruction);
}

at::Tensor hash_of(const std::string& file) {
  const std::string digits = core::sha256_file(file);
  at::Tensor bytes = at::empty({static_cast<int64_t>(digits.size() / 2)}, at::kByte);
  for (int64_t i = 0; i < bytes.numel(); ++i)
    bytes.data_ptr<uint8_t>()[i] =
        static_cast<uint8_t>(std::stoi(digits.substr(static_cast<size_t>(2 * i), 2), nullptr, 16));
  return bytes;
}

/// A tree of modules in which a.b.weight is parameter "weight" of child "b" of child "a".
void add_frozen(torch::nn::Module& root, const std::string& name, const at::Tensor& value) {
  struct Branch : torch::nn::Module {};
  torch::nn::Module* at = &root;
  const auto parts = core::split(name, '.');
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto children = at->named_children();
    const auto* child = children.find(parts[i]);
    at = child ? child->get() : at->register_module(parts[i], std::make_shared<Branch>()).get();
  }
  at->register_parameter(parts.back(), value, /*requires_grad=*/false);
}

class Packaged : public Baseline {
 public:
  Packaged(const ExportedModule& about, const ModelContext& context)
      : about_(about), context_(context), layout_(about.layout) {
    const std::string file = about.module.string();
    // Without it a package takes any shape and returns wrong numbers; read at the first call.
    ::setenv("AOTI_RUNTIME_CHECK_INPUTS", "1", /*overwrite=*/1);
    try {
      check_machine(file, Loader::load_metadata_from_package(file, "model"));
      loader_ = std::make_unique<Loader>(file);
      const auto constants = loader_->get_runner()->extract_constants_map(/*use_inactive=*/false);
      for (const auto& [name, value] : std::map(constants.begin(), constants.end()))
        add_frozen(*this, name, value.clone());
      register_buffer("package_sha256", hash_of(file));
    } catch (const Error&) {
      throw;
    } catch (const std::exception& problem) {
      throw model_error(file + ": not a compiled package: " + first_line(problem), kCompiled,
                        "files of torch.export.save hold no compiled code");
    }
  }

  at::Tensor forward(const at::Tensor& x) override {
    if (is_training() && at::GradMode::is_enabled())
      throw model_error("module '" + about_.name + "' is a compiled package: it cannot be trained",
                        "inference", "export it as TorchScript to train it");
    const at::NoGradGuard guard;
    const int64_t samples = x.size(0), most = about_.batch > 0 ? about_.batch : about_.max_batch;
    std::vector<at::Tensor> parts;
    for (int64_t first = 0; first < samples; first += most)
      parts.push_back(part(x.narrow(0, first, std::min(most, samples - first))));
    return parts.size() == 1 ? parts[0] : at::cat(parts);
  }

  int64_t parameter_count() const override {
    return about_.parameters > 0 ? about_.parameters : Baseline::parameter_count();
  }

  void load_state(const StateDict& state, const std::string& origin) override {
    const StateDict own_state = this->state();
    const std::map<std::string, at::Tensor> own(own_state.begin(), own_state.end()),
        given(state.begin(), state.end());  // files sort their entries
    const bool same =
        std::equal(own.begin(), own.end(), given.begin(), given.end(), [](const auto& a, const auto& b) {
          return a.first == b.first && a.second.sizes() == b.second.sizes() && at::equal(a.second, b.second);
        });
    if (!same)
      throw model_error(origin + ": other weights than those compiled into " + about_.module.string(),
                        "the package's own weights", "compile the package again with these weights");
  }

 private:
  /// (b,T,H,W,C_in) -> (b,T',H,W,C_out), b at most what the package takes.
  at::Tensor part(const at::Tensor& x) const {
    const int64_t samples = x.size(0);
    at::Tensor input = layout_.apply(filled(x)).contiguous();
    std::vector<at::Tensor> results;
    try {
      results = loader_->run({input});
    } catch (const std::exception& problem) {
      throw model_error(
          "module '" + about_.name + "' failed on " + core::to_string(input.sizes().vec()) + ": " +
              first_line(problem),
          "the shapes it was compiled for",
          "input, output, batch and max_batch of the description must repeat those of the export");
    }
    if (results.size() != 1)
      throw model_error(about_.name + " returns " + std::to_string(results.size()) + " tensors",
                        "one tensor");
    const at::Tensor forecast = layout_.undo(results[0].to(at::kFloat), context_.output);
    if (forecast.size(0) != filled_size(samples))
      throw model_error(about_.name + " returns " + std::to_string(forecast.size(0)) + " samples",
                        std::to_string(filled_size(samples)));
    return forecast.narrow(0, 0, samples);
  }
  int64_t filled_size(int64_t samples) const {
    return about_.batch > 0 ? about_.batch
                            : std::max<int64_t>(samples, std::min<int64_t>(2, about_.max_batch));
  }
  at::Tensor filled(const at::Tensor& x) const {
    const int64_t missing = filled_size(x.size(0)) - x.size(0);
    if (missing == 0) return x;
    const at::Tensor last = x.narrow(0, x.size(0) - 1, 1);
    return at::cat({x, last.expand({missing, -1, -1, -1, -1})});
  }

  ExportedModule about_;
  ModelContext context_;
  Layout layout_;
  std::unique_ptr<Loader> loader_;
};

}  // namespace

bool is_package(const std::filesystem::path& file) { return file.extension() == ".pt2"; }

std::shared_ptr<Baseline> make_packaged(const ExportedModule& about, const ModelContext& context) {
  return std::make_shared<Packaged>(about, context);
}

}  // namespace windtunnel::baselines
