// Golden cases of the discrete tokenizer: haar, fsq, tok_*, inflate. A case is a folder with config.json,
// io.safetensors and, if it has parameters, weights.safetensors (and sometimes weights.pth). Golden fields
// are (B,C,T,H,W).
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <map>

#include "baselines/checkpoint.h"
#include "baselines/trace.h"
#include "core/error.h"
#include "runners/conformance/tokenizers_case.h"
#include "tokenizers/video/inflation.h"
#include "tokenizers/video/video_tokenizer.h"

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

using namespace tokenizers;

using Case = TokenizerCase;
using Recorder = TokenizerTrace;
constexpr double kTensor = TokenizerCase::kTensor;
constexpr double kGradient = TokenizerCase::kGradient;

at::Tensor channels_last(const at::Tensor& x) { return x.permute({0, 2, 3, 4, 1}).contiguous(); }
at::Tensor channels_first(const at::Tensor& x) { return x.permute({0, 4, 1, 2, 3}); }

void expect_tokens(CaseResult& result, const std::string& what, const at::Tensor& got,
                   const at::Tensor& expected) {
  result.expect(what, got.sizes() == expected.sizes() && got.equal(expected.to(at::kLong)));
}

void check_patching(CaseResult& result, const Case& golden) {
  for (const auto& item : golden.config.at("cases")) {
    const auto key = item.at("key").get<std::string>();
    const Patching patching{item.at("patch_size").get<int64_t>(), item.at("patch_method").get<std::string>(),
                            3};
    const at::Tensor patched = patch(channels_last(golden.io.at(key + ".x")), patching);
    compare_tensor(result, key + ".patch", channels_first(patched), golden.io.at(key + ".patch"), kTensor);
    compare_tensor(result, key + ".unpatch", channels_first(unpatch(patched, patching)),
                   golden.io.at(key + ".unpatch"), kTensor);
    if (golden.io.contains(key + ".coef"))
      compare_tensor(result, key + ".unpatch_of_coef",
                     channels_first(unpatch(channels_last(golden.io.at(key + ".coef")), patching)),
                     golden.io.at(key + ".unpatch_of_coef"), kTensor);
  }
  // Names of the others: odd.patch_p<size>_<method> on odd.x; img.patch_p<size>, img.unpatch_p<size> on
  // img.x.
  for (const auto& name : golden.io.names("odd.patch_p")) {
    const auto bar = name.find('_');
    const Patching patching{std::stoll(name.substr(0, bar)), name.substr(bar + 1), 3};
    compare_tensor(result, "odd.patch_p" + name,
                   channels_first(patch(channels_last(golden.io.at("odd.x")), patching)),
                   golden.io.at("odd.patch_p" + name), kTensor);
  }
  for (const auto& name : golden.io.names("img.patch_p")) {
    const Patching patching{std::stoll(name), "haar", 2};
    const at::Tensor patched = patch(channels_last(golden.io.at("img.x").unsqueeze(2)), patching);
    compare_tensor(result, "img.patch_p" + name, channels_first(patched).squeeze(2),
                   golden.io.at("img.patch_p" + name), kTensor);
    compare_tensor(result, "img.unpatch_p" + name, channels_first(unpatch(patched, patching)).squeeze(2),
                   golden.io.at("img.unpatch_p" + name), kTensor);
  }
}

void check_levels(CaseResult& result, const Case& golden, const core::Json& item) {
  const auto key = item.at("key").get<std::string>();
  const Fsq fsq(item.at("levels").get<std::vector<int64_t>>());
  result.expect(key + " codebook_size", fsq.codebook_size() == item.at("codebook_size").get<int64_t>());
  const at::Tensor z = channels_last(golden.io.at(key + ".z")).requires_grad_(true);
  const Fsq::Result quantised = fsq.quantise(z);
  compare_tensor(result, key + ".bound", channels_first(fsq.bound(z).detach()), golden.io.at(key + ".bound"),
                 kTensor);
  compare_tensor(result, key + ".codes", channels_first(quantised.codes.detach()),
                 golden.io.at(key + ".codes"), kTensor);
  expect_tokens(result, key + ".indices", quantised.indices, golden.io.at(key + ".indices"));
  compare_tensor(result, key + ".codes_from_indices", channels_first(fsq.codes_of(quantised.indices)),
                 golden.io.at(key + ".codes_from_indices"), kTensor);
  (quantised.codes * channels_last(golden.io.at(key + ".grad_w"))).sum().backward();
  compare_tensor(result, key + ".grad_z", channels_first(z.grad()), golden.io.at(key + ".grad_z"), kGradient);
  if (golden.io.contains(key + ".seq_z")) {
    const Fsq::Result row = fsq.quantise(golden.io.at(key + ".seq_z"));
    compare_tensor(result, key + ".seq_codes", row.codes, golden.io.at(key + ".seq_codes"), kTensor);
    expect_tokens(result, key + ".seq_indices", row.indices, golden.io.at(key + ".seq_indices"));
  }
  if (golden.io.contains(key + ".probe_indices"))
    compare_tensor(result, key + ".probe_codes", fsq.codes_of(golden.io.at(key + ".probe_indices")),
                   golden.io.at(key + ".probe_codes"), kTensor);
  const at::Tensor all = at::arange(fsq.codebook_size());
  const at::Tensor codebook = fsq.codes_of(all);
  if (golden.io.contains(key + ".codebook"))
    compare_tensor(result, key + ".codebook", codebook, golden.io.at(key + ".codebook"), kTensor);
}

void check_fsq(CaseResult& result, const Case& golden) {
  for (const auto& item : golden.config.at("cases")) check_levels(result, golden, item);
  if (!golden.io.contains("proj.z")) return;
  // The levels of this entry are not in its configuration; the published case has 8, 5, 5.
  const at::NoGradGuard guard;
  const at::Tensor z = channels_last(golden.io.at("proj.z"));
  const auto levels = golden.config.contains("proj")
                          ? golden.config.at("proj").at("levels").get<std::vector<int64_t>>()
                          : std::vector<int64_t>{8, 5, 5};
  Fsq fsq(levels, z.size(4));
  load_module_state(fsq, golden.weights(), golden.name);
  const Fsq::Result quantised = fsq.quantise(z);
  expect_tokens(result, "proj.indices", quantised.indices, golden.io.at("proj.indices"));
  compare_tensor(result, "proj.out", channels_first(fsq.output(quantised.codes)), golden.io.at("proj.out"),
                 kTensor);
  compare_tensor(result, "proj.codes_from_indices",
                 channels_first(fsq.output(fsq.codes_of(quantised.indices))),
                 golden.io.at("proj.codes_from_indices"), kTensor);
}

void check_inflation(CaseResult& result, const Case& golden) {
  for (const auto& item : golden.config.at("cases")) {
    const auto key = item.at("key").get<std::string>();
    compare_tensor(result, key + ".out",
                   resize_channels(golden.io.at(key + ".in"), item.at("axis").get<int64_t>(),
                                   item.at("bands").get<int64_t>(), item.at("channels_out").get<int64_t>(),
                                   item.at("picks").get<std::vector<int64_t>>()),
                   golden.io.at(key + ".out"), 1e-12);
  }
}

/// One field through the tokenizer: everything golden under `prefix` + name.
void check_field(CaseResult& result, const Case& golden, const std::string& label, const std::string& prefix,
                 const VideoTokenizer& model, const FieldSource& source) {
  const at::NoGradGuard guard;
  const std::string what = label + " " + prefix;
  const at::Tensor x = channels_last(golden.io.at(prefix + "x"));
  const auto compare = [&](const std::string& name, const at::Tensor& got) {
    if (golden.io.contains(prefix + name))
      compare_tensor(result, what + name, channels_first(got), golden.io.at(prefix + name), kTensor);
  };
  if (golden.io.contains(prefix + "channel_ids"))
    expect_tokens(result, what + "channel_ids", at::tensor(source.channels),
                  golden.io.at(prefix + "channel_ids"));
  compare("patch", patch(model.in_dictionary(x, source), video::patching_of(model.options())));
  const at::Tensor latents = model.latents(x, source);
  compare("quant_in", latents);
  const Fsq::Result quantised = model.quantiser().quantise(latents);
  expect_tokens(result, what + "indices", quantised.indices, golden.io.at(prefix + "indices"));
  compare("codes", quantised.codes);
  compare("recon", model.decode(quantised.indices, source));
  if (golden.io.contains(prefix + "recon_all_channels"))
    compare("recon_all_channels", model.decode(quantised.indices, {{}, source.decoder}));
  if (!golden.config.value("causal_prefix_equal", true) || model.options().num_groups > 1 ||
      x.size(1) <= model.options().time_factor())
    return;
  const int64_t frames = x.size(1) - model.options().time_factor();
  const at::Tensor prefix_tokens = model.encode(x.narrow(1, 0, frames), source);
  result.expect(what + "tokens of fewer frames",
                prefix_tokens.equal(quantised.indices.narrow(1, 0, prefix_tokens.size(1))));
}

void check_training(CaseResult& result, const Case& golden, const std::string& label, VideoTokenizer& model,
                    const FieldSource& source) {
  const at::Tensor x = channels_last(golden.io.at("x"));
  model.train();
  Recorder recorder;
  const at::Tensor y = model.reconstruct(x, source);
  {
    const at::NoGradGuard guard;  // the layers around the quantiser
    const at::Tensor latents = model.latents(x, source);
    const auto post = std::dynamic_pointer_cast<video::Conv>(model.named_children()["post_quant_conv"]);
    recorder.values["quant_conv"] = channels_first(latents);
    recorder.values["post_quant_conv"] =
        channels_first(post->forward(model.quantiser().quantise(latents).codes));
  }
  const at::Tensor loss = at::mse_loss(y, x.narrow(4, 0, y.size(4)));
  loss.backward();
  for (const auto& name : golden.io.names("act."))
    compare_tensor(result, label + " act." + name, recorder.values[name], golden.io.at("act." + name),
                   kTensor);
  if (golden.io.contains("train.mse_loss"))
    compare_tensor(result, label + " train.mse_loss", loss.detach().view({1}), golden.io.at("train.mse_loss"),
                   kTensor);
  for (const auto& name : golden.io.names("grad.")) {
    const at::Tensor gradient = model.named_parameters()[name].grad();
    result.expect(label + " grad." + name + " exists", gradient.defined());
    if (gradient.defined())
      compare_tensor(result, label + " grad." + name, gradient, golden.io.at("grad." + name), kGradient);
  }
  model.eval();
}

/// The case's dictionary. JSON objects carry no order; where the channel numbers are given they decide.
ChannelDictionary dictionary_of(const Case& golden) {
  auto dictionary = ChannelDictionary::from_published(golden.config, golden.name);
  for (const auto& set : dictionary.data_sets) {
    if (!golden.io.contains(set.name + ".channel_ids")) return dictionary;
    const at::Tensor ids = golden.io.at(set.name + ".channel_ids").to(at::kLong);
    for (int64_t c = 0; c < ids.size(0); ++c)
      dictionary.channels.at(static_cast<size_t>(ids[c].item<int64_t>())) =
          set.channels.at(static_cast<size_t>(c));
  }
  return dictionary;
}

void check_tokenizer(CaseResult& result, const Case& golden) {
  const auto weights = golden.weights();
  if (fs::exists(golden.path / "weights.pth"))
    for (const auto& [name, value] : baselines::load_weights(golden.path / "weights.pth").state)
      result.expect("weights.pth " + name, value.equal(entry(weights, name, golden.name)));
  for (const char* kernels : {"auto", "reference"}) {
    core::Json config = golden.config;
    config["kernels"] = kernels;
    VideoTokenizer model(VideoTokenizerOptions::from_published(config, golden.name), dictionary_of(golden));
    model.load_state(weights, golden.name);
    model.eval();
    if (!model.dictionary().data_sets.empty()) {
      for (const auto& set : model.dictionary().data_sets)
        check_field(result, golden, kernels, set.name + ".", model, model.source(set.name));
      continue;
    }
    FieldSource source;
    if (golden.config.contains("input_variables"))
      source.channels =
          model.dictionary().positions(golden.config.at("input_variables").get<std::vector<std::string>>());
    check_field(result, golden, kernels, "", model, source);
    check_training(result, golden, kernels, model, source);
  }
}

/// Check of a case by the beginning of its folder's name.
const std::map<std::string, void (*)(CaseResult&, const Case&)> kChecks = {
    {"haar", check_patching}, {"fsq", check_fsq}, {"inflate", check_inflation}, {"tok_", check_tokenizer}};

void run(const fs::path& folder, const ReportCase& report) {
  std::vector<fs::path> cases;
  for (const auto& item : fs::directory_iterator(folder))
    if (item.is_directory()) cases.push_back(item.path());
  std::sort(cases.begin(), cases.end());
  for (const auto& path : cases)
    for (const auto& [beginning, check] : kChecks)
      if (path.filename().string().starts_with(beginning))
        run_case(path.filename().string(), report,
                 [&, f = check](CaseResult& result) { f(result, Case(path)); });
}

const SuiteRegistration registration({"tokenizers", "video tokenizer", run});

}  // namespace
}  // namespace windtunnel::runners
