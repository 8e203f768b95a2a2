#include <cstdio>
#include <memory>

#include "baselines/checkpoint.h"
#include "core/array.h"
#include "core/error.h"
#include "runners/program.h"

namespace windtunnel::runners {
namespace {

const VerbRegistration registration(60, [](CLI::App& app, int&) {
  auto* verb = app.add_subcommand("weights", "look at and convert weight files");
  verb->require_subcommand(1);

  auto shown = std::make_shared<std::string>();
  auto* show = verb->add_subcommand("show", "names, types and shapes");
  show->add_option("file", *shown, ".pth or .safetensors")->required();
  show->callback([=] {
    for (const auto& [name, tensor] : baselines::load_weights(*shown).state)
      std::printf("%-60s %-14s %s\n", name.c_str(), c10::toString(tensor.scalar_type()),
                  core::to_string(tensor.sizes().vec()).c_str());
  });

  auto from = std::make_shared<std::string>();
  auto to = std::make_shared<std::string>();
  auto* convert = verb->add_subcommand("convert", "between .pth and .safetensors");
  convert->add_option("from", *from, "file to read")->required();
  convert->add_option("to", *to, "file to write; its ending decides the format")->required();
  convert->callback([=] {
    const auto ending = std::filesystem::path(*to).extension();
    if (ending != ".pth" && ending != ".safetensors")
      throw usage_error("cannot tell the format of " + *to, "a name ending in .pth or .safetensors");
    const auto weights = baselines::load_weights(*from);
    baselines::save_weights(*to, weights.state, weights.metadata);
    std::printf("%s: %zu tensors\n", to->c_str(), weights.state.size());
  });
});

}  // namespace
}  // namespace windtunnel::runners
