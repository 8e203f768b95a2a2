#include "baselines/exported/exported_module.h"

#include <torch/script.h>

#include <algorithm>

#include "baselines/exported/package.h"
#include "core/array.h"
#include "core/error.h"
#include "core/text.h"

namespace windtunnel::baselines {
namespace {

namespace fs = std::filesystem;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// The message of LibTorch without its stack trace.
std::string message_of(const std::exception& problem) {
  const auto* torch = dynamic_cast<const c10::Error*>(&problem);
  const std::string text = torch ? torch->what_without_backtrace() : problem.what();
  // TorchScript puts a traceback before the cause, which is the last line.
  const auto lines = core::split(core::trim(text), '\n');
  return lines.size() > 1 ? core::trim(lines.back()) : first_line(text);
}

struct Nothing : core::Options {
  void describe(core::OptionVisitor&) override {}
};

/// Parameters and buffers of a scripted module in a tree of the same names; the tensors are shared.
class Mirror : public torch::nn::Module {
 public:
  explicit Mirror(const torch::jit::Module& module) { fill(*this, module); }
  static void fill(torch::nn::Module& into, const torch::jit::Module& module) {
    for (const auto& item : module.named_parameters(false))
      into.register_parameter(item.name, item.value, item.value.requires_grad());
    for (const auto& item : module.named_buffers(false)) into.register_buffer(item.name, item.value);
    for (const auto& child : module.named_children())
      into.register_module(child.name, std::make_shared<Mirror>(child.value));
  }
};

class Exported : public Baseline {
 public:
  Exported(const ExportedModule& about, const ModelContext& context)
      : about_(about), context_(context), layout_(about.layout) {
    try {
      module_ = torch::jit::load(about.module.string(), at::kCPU);
    } catch (const std::exception& problem) {
      throw model_error(
          about.module.string() + ": not a TorchScript module: " + first_line(message_of(problem)),
          "a file written by torch.jit.save");
    }
    if (module_.find_method("reset_parameters")) {
      const at::NoGradGuard guard;
      call([&] { return module_.get_method("reset_parameters")({}); });
    }
    Mirror::fill(*this, module_);
  }

  at::Tensor forward(const at::Tensor& x) override {
    const auto result = call([&] { return module_.forward({layout_.apply(x)}); });
    if (!result.isTensor()) throw model_error(about_.name + " returns " + result.tagKind(), "one tensor");
    return layout_.undo(result.toTensor().to(at::kFloat), context_.output);
  }

  void train(bool on) override {
    Baseline::train(on);
    module_.train(on);
  }

 private:
  template <class F>
  c10::IValue call(const F& f) const {
    try {
      return f();
    } catch (const Error&) {
      throw;
    } catch (const std::exception& problem) {
      throw model_error(
          "module '" + about_.name + "' failed: " + message_of(problem),
          "input (" + std::to_string(context_.input.frames) + "," + std::to_string(context_.input.height) +
              "," + std::to_string(context_.input.width) + "," + std::to_string(context_.input.channels) +
              ") per sample in layout " + about_.layout,
          "a traced module takes only the shapes it was traced with; torch.jit.script takes any");
    }
  }
  ExportedModule about_;
  ModelContext context_;
  Layout layout_;
  torch::jit::Module module_;
};

int64_t count_of(const core::Json& values, const char* key, const std::string& where) {
  if (!values.contains(key)) return 0;
  const core::Json& value = values.at(key);
  if (!value.is_number_integer() || value.get<int64_t>() < 1)
    throw usage_error(where + ": " + key + " is " + value.dump(), "a whole number from 1");
  return value;
}

/// What only a package has, and what it cannot have.
void read_package_keys(const core::Json& values, const std::string& where, ExportedModule& about) {
  about.batch = count_of(values, "batch", where);
  about.max_batch = count_of(values, "max_batch", where);
  about.parameters = count_of(values, "parameters", where);
  if (!is_package(about.module)) {
    if (about.batch + about.max_batch + about.parameters > 0)
      throw usage_error(where + ": batch, max_batch and parameters", "these keys for a package (.pt2) only");
    return;
  }
  if ((about.batch > 0) == (about.max_batch > 0))
    throw usage_error(where + ": a package needs one of batch and max_batch",
                      "batch: the exported batch size, or max_batch: the largest of a free batch axis");
  if (values.value("trainable", false))
    throw usage_error(where + ": a compiled package cannot be trained", "trainable: false",
                      "export the module as TorchScript to train it");
  about.trainable = false;
}

std::vector<int64_t> shape_of(const core::Json& value, const std::string& where) {
  std::vector<int64_t> shape;
  for (const auto& size : value) {
    if (!size.is_number_integer() || size.get<int64_t>() < 1 || value.size() != 4)
      throw usage_error(where + " is " + value.dump(), "four sizes [T, H, W, C]");
    shape.push_back(size);
  }
  return shape;
}

}  // namespace

ExportedModule read_exported_module(const fs::path& description) {
  const std::string where = description.string();
  const core::Json values = core::read_yaml(where);
  const std::vector<std::string> known = {"name",    "version", "licence",   "summary",   "paper",
                                          "module",  "layout",  "trainable", "input",     "output",
                                          "presets", "batch",   "max_batch", "parameters"};
  if (!values.is_object()) throw usage_error(where + ": not a description of a module", "keys and values");
  for (const auto& [key, unused] : values.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw usage_error(where + ": unknown key '" + key + "'", core::join(known, ", "),
                        core::suggestion(key, known));
  ExportedModule about;
  const std::vector<std::pair<const char*, std::string*>> texts = {
      {"name", &about.name},       {"version", &about.version}, {"licence", &about.licence},
      {"summary", &about.summary}, {"paper", &about.paper},     {"layout", &about.layout}};
  for (const auto& [key, member] : texts)
    if (values.contains(key))
      *member = values.at(key).is_string() ? values.at(key).get<std::string>() : values.at(key).dump();
  for (const char* key : {"name", "module"})
    if (!values.contains(key) || !values.at(key).is_string())
      throw usage_error(where + ": key '" + key + "' is missing", "name and module");
  about.module = description.parent_path() / values.at("module").get<std::string>();
  if (!fs::is_regular_file(about.module))
    throw usage_error(where + ": no file " + about.module.string(),
                      "the exported module beside the description");
  if (values.contains("trainable")) {
    if (!values.at("trainable").is_boolean()) throw usage_error(where + ": trainable", "true or false");
    about.trainable = values.at("trainable");
  }
  read_package_keys(values, where, about);
  if (values.contains("input")) about.input = shape_of(values.at("input"), where + ": input");
  if (values.contains("output")) about.output = shape_of(values.at("output"), where + ": output");
  if (values.contains("presets"))
    about.presets = core::to_yaml(core::Json{{"presets", values.at("presets")}});
  const Layout checked(about.layout);
  return about;
}

void check_shapes(const ExportedModule& about, const ModelContext& context) {
  const auto check = [&](const char* what, const std::vector<int64_t>& wanted, const SampleShape& given) {
    const std::vector<int64_t> found = {given.frames, given.height, given.width, given.channels};
    if (!wanted.empty() && wanted != found)
      throw model_error(
          "module '" + about.name + "' was exported for " + what + " " + core::to_string(wanted),
          "(T,H,W,C) = " + core::to_string(found) + " of this scenario",
          "export it for this shape, or script it for any");
  };
  check("input", about.input, context.input);
  check("output", about.output, context.output);
}

BaselineInfo exported_baseline(const ExportedModule& module) {
  BaselineInfo info;
  info.name = module.name;
  info.summary = module.summary.empty() ? "module exported from PyTorch" : module.summary;
  info.paper = module.paper;
  info.trainable = module.trainable;
  info.options = [] { return std::make_unique<Nothing>(); };
  info.create = [module](const ModelContext& context, const core::Options&) {
    check_shapes(module, context);
    if (is_package(module.module)) return make_packaged(module, context);
    return std::shared_ptr<Baseline>(std::make_shared<Exported>(module, context));
  };
  return info;
}

}  // namespace windtunnel::baselines
