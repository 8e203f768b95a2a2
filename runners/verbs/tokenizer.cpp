#include <algorithm>
#include <cstdio>
#include <memory>

#include "baselines/checkpoint.h"
#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "datasets/dataset.h"
#include "datasets/fit.h"
#include "datasets/normalizer.h"
#include "results/run_folder.h"
#include "runners/cli_options.h"
#include "runners/interrupt.h"
#include "runners/program.h"
#include "runners/run.h"
#include "runners/tensors.h"
#include "tokenizers/physix/physix.h"

// tokenizer train | encode | decode. A token file is a safetensors file: tensors "<sample id>" (T',H',W')
// int32, metadata "frames" (of every sample) and "scenario". A field file holds "<sample id>" (T,H,W,C)
// float32 in physical units.

namespace fs = std::filesystem;

namespace windtunnel::runners {
namespace {

struct CodingOptions : core::Options {
  std::string run, data, mode = "test", side = "real", tokens, out;
  int64_t limit = 0;
  bool decodes = false;

  void describe(core::OptionVisitor& v) override {
    v("run", run, "folder of `tokenizer train` or of a physix run");
    v("data", data, "folder that holds the scenario's folder");
    v("out", out, "file to write");
    if (decodes) {
      v("tokens", tokens, "file written by `tokenizer encode`");
      return;
    }
    v.choice("mode", mode, {"train", "val", "test"}, "whose windows are encoded");
    v.choice("side", side, {"real", "numerical"}, "measured or simulated windows");
    v("limit", limit, "windows at most, evenly spaced (0: all)", core::kNotNegative);
  }
  void require(const std::string& value, const char* flag) const {
    if (value.empty()) throw usage_error(std::string("no ") + flag, std::string("--") + flag, "see --help");
  }
};

/// A trained tokenizer with its data and scaling.
struct TrainedTokenizer {
  TrainedTokenizer(const CodingOptions& o, const std::string& mode, datasets::Side side) {
    const results::RunFolder folder{o.run};
    if (!fs::exists(folder.config()))
      throw data_error("no " + folder.config().string(), "a run folder",
                       "`windtunnel tokenizer train` makes one");
    const core::Json config = core::read_yaml(folder.config().string());
    const fs::path root = o.data;
    const auto scenario =
        datasets::fit_to_data(datasets::load_scenario(config.at("scenario").get<std::string>(), root), root);
    datasets::WindowOptions windows;
    windows.side = side;
    windows.mode = mode;
    windows.mask_prob = 0.0;
    windows.protocol = config.at("protocol").get<std::string>();
    windows.at_most = o.limit;
    dataset = std::make_unique<datasets::WindowDataset>(scenario, root, windows);
    const core::Shape in = dataset->input_shape(), out = dataset->target_shape();
    const baselines::ModelContext context{{in.at(0), in.at(1), in.at(2), in.at(3)},
                                          {out.at(0), out.at(1), out.at(2), out.at(3)},
                                          config.at("compat").get<std::string>()};
    model = std::dynamic_pointer_cast<tokenizers::Physix>(baselines::make_baseline(
        config.at("baseline").get<std::string>(), context, config.at("model"), o.run));
    if (!model)
      throw model_error(o.run + " holds a " + config.at("baseline").get<std::string>(), "a physix run");
    const fs::path weights = folder.root / "weights.safetensors";
    model->load_state(baselines::load_weights(weights).state, weights.string());
    model->eval();
    const fs::path file = folder.root / "normalizer.json";
    normalizer = datasets::Normalizer::from_json(core::read_json(file.string()), file.string());
    scenario_name = scenario.name;
  }

  std::unique_ptr<datasets::WindowDataset> dataset;
  std::shared_ptr<tokenizers::Physix> model;
  datasets::Normalizer normalizer;
  std::string scenario_name;
};

void encode(const CodingOptions& o) {
  o.require(o.run, "run");
  o.require(o.data, "data");
  o.require(o.out, "out");
  const TrainedTokenizer trained(o, o.mode, datasets::parse_side(o.side));
  const auto& options = trained.model->options().tokenizer;
  std::vector<int64_t> counts(static_cast<size_t>(trained.model->tokenizer->quantiser().codebook_size()), 0);
  baselines::StateDict tokens;
  int64_t frames = 0;
  core::Progress progress("encode", trained.dataset->size());
  for (int64_t i = 0; i < trained.dataset->size(); ++i) {
    datasets::Sample sample = trained.dataset->clean_sample(i);
    const auto points = [](const core::Array& a) { return a.numel() / a.shape.back(); };
    trained.normalizer.apply_input(sample.input.data.data(), points(sample.input), sample.input.shape.back());
    trained.normalizer.apply_target(sample.target.data.data(), points(sample.target),
                                    sample.target.shape.back());
    const at::Tensor video =
        trained.model->video(to_tensor(sample.input).unsqueeze(0), to_tensor(sample.target).unsqueeze(0));
    frames = 1 + (video.size(1) - 1) / options.time_factor() * options.time_factor();
    const at::Tensor codes = trained.model->encode(video.narrow(1, 0, frames));
    const auto* values = codes.const_data_ptr<int64_t>();
    for (int64_t k = 0; k < codes.numel(); ++k) ++counts[static_cast<size_t>(values[k])];
    tokens.emplace_back(sample.sample_id, codes.squeeze(0).to(at::kInt));
    progress.update(i + 1);
    throw_if_interrupted("nothing was written");
  }
  baselines::save_weights(o.out, tokens,
                          {{"frames", std::to_string(frames)}, {"scenario", trained.scenario_name}});
  const auto usage = tokenizers::codebook_usage(counts);
  std::printf("%zu windows of %lld frames, %lld tokens; %lld of %lld codes used, perplexity %.1f\n%s\n",
              tokens.size(), static_cast<long long>(frames), static_cast<long long>(usage.tokens),
              static_cast<long long>(usage.used), static_cast<long long>(usage.size), usage.perplexity,
              o.out.c_str());
}

void decode(const CodingOptions& o) {
  o.require(o.run, "run");
  o.require(o.data, "data");
  o.require(o.tokens, "tokens");
  o.require(o.out, "out");
  const TrainedTokenizer trained(o, "test", datasets::Side::real);
  baselines::StateDict fields;
  for (const auto& [id, tokens] : baselines::load_weights(o.tokens).state) {
    core::Array field = to_array(trained.model->decode(tokens.unsqueeze(0)).squeeze(0));
    trained.normalizer.invert_target(field.data.data(), field.numel() / field.shape.back(),
                                     field.shape.back());
    fields.emplace_back(id, to_tensor(field));
    throw_if_interrupted("nothing was written");
  }
  baselines::save_weights(o.out, fields, {{"scenario", trained.scenario_name}});
  std::printf("%zu fields\n%s\n", fields.size(), o.out.c_str());
}

const VerbRegistration registration(35, [](CLI::App& app, int&) {
  auto* verb = app.add_subcommand("tokenizer", "the discrete tokenizer of physix on its own");
  verb->require_subcommand(1);

  auto* train = verb->add_subcommand("train", "train the tokenizer on a scenario");
  auto request = std::make_shared<RunRequest>();
  request->baseline = "physix";
  add_options(*train, *request);
  train->callback([=] {
    RunRequest chosen = *request;
    chosen.set.push_back("model.train_phases=[tokenizer]");
    if (chosen.out.empty())
      chosen.out = "runs/" + fs::path(chosen.scenario).stem().string() + "-" + chosen.setting +
                   "-tokenizer-" + chosen.preset +
                   (chosen.seed >= 0 ? "-s" + std::to_string(chosen.seed) : "");
    run(chosen, RunUntil::trained, "windtunnel tokenizer train");
    std::printf("weights %s/weights.safetensors\n", chosen.out.c_str());
  });

  auto* encoding = verb->add_subcommand("encode", "write the tokens of windows of a scenario");
  auto encode_options = std::make_shared<CodingOptions>();
  add_options(*encoding, *encode_options);
  encoding->callback([=] { encode(*encode_options); });

  auto* decoding = verb->add_subcommand("decode", "write the fields of a token file");
  auto decode_options = std::make_shared<CodingOptions>();
  decode_options->decodes = true;
  add_options(*decoding, *decode_options);
  decoding->callback([=] { decode(*decode_options); });
});

}  // namespace
}  // namespace windtunnel::runners
