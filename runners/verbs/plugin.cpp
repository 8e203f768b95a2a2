#include "runners/plugin.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "runners/child.h"
#include "runners/plugin_check.h"
#include "runners/program.h"

namespace windtunnel::runners {
namespace {

baselines::SampleShape shape_of(const std::string& text) {
  std::vector<int64_t> sizes;
  for (const auto& part : core::split(text, ',')) sizes.push_back(std::atoll(part.c_str()));
  if (sizes.size() != 4 || *std::min_element(sizes.begin(), sizes.end()) < 1)
    throw usage_error("shape '" + text + "'", "T,H,W,C, for example 4,16,32,3");
  return {sizes[0], sizes[1], sizes[2], sizes[3]};
}

/// Loads and tests in this process; a crash ends it.
int probe(const std::string& path, const std::string& input, const std::string& output) {
  const Plugin& plugin = load_plugin(path);
  std::printf("ok      load: %s %s, %s, licence %s\n", plugin.name.c_str(), plugin.version.c_str(),
              plugin.kind.c_str(), plugin.licence.c_str());
  int failed = 0;
  for (const auto& name : plugin.scenarios) std::printf("ok      scenario %s\n", name.c_str());
  const auto print = [&](const std::string& name, const CheckLine& line) {
    std::printf("%-7s %s: %s%s%s\n", line.passed ? "ok" : "FAILED", name.c_str(), line.what.c_str(),
                line.detail.empty() ? "" : ": ", line.detail.c_str());
    std::fflush(stdout);  // what was said stays said if the plug-in crashes
    failed += !line.passed;
  };
  for (const auto& id : plugin.metrics)
    for (const auto& line : check_metric(id, shape_of(output.empty() ? input : output)))
      print("metric " + id, line);
  for (const auto& name : plugin.formats)
    for (const auto& line : check_format(name)) print("format " + name, line);
  for (const auto& name : plugin.baselines) {
    const auto& info = baselines::registry().at(name);
    const auto options = info.options();
    for (const auto& option : core::list_options(*options))
      std::printf("ok      %s: option %s (%s, default %s): %s\n", name.c_str(), option.key.c_str(),
                  option.type.c_str(), option.default_value.c_str(), option.doc.c_str());
    baselines::ModelContext context;
    context.input = shape_of(input);
    context.output = shape_of(output.empty() ? input : output);
    std::fflush(stdout);
    for (const auto& line : check_baseline(name, context)) print(name, line);
  }
  return failed == 0 ? 0 : 1;
}

/// The same in a child process, whose crash is a result.
int check(const std::string& path, const std::string& input, const std::string& output) {
  const auto log =
      std::filesystem::temp_directory_path() / ("windtunnel-plugin-" + std::to_string(::getpid()));
  std::vector<std::string> arguments{"plugin", "probe", path, "--input", input};
  if (!output.empty()) arguments.insert(arguments.end(), {"--output", output});
  const int code = run_child(arguments, log);
  std::cout << core::read_file(log);
  std::error_code ignored;
  std::filesystem::remove(log, ignored);
  if (code >= 128) {
    std::printf("FAILED  crashed: %s\n", ::strsignal(code - 128));
    return 1;
  }
  return code;
}

const VerbRegistration registration(62, [](CLI::App& app, int& exit_code) {
  auto* verb = app.add_subcommand(
      "plugin", "models, metrics, formats and scenarios from outside: scaffold, check, list");
  verb->require_subcommand(1);

  struct Arguments {
    std::string name, out = ".", path, input = "4,16,32,3", output;
  };
  auto given = std::make_shared<Arguments>();
  auto* fresh = verb->add_subcommand("new", "write a compiling plug-in with test and CMake file");
  fresh->add_option("name", given->name, "lower-case name")->required();
  fresh->add_option("--out", given->out, "folder for it")->capture_default_str();
  fresh->callback([=] {
    for (const auto& file : new_plugin(given->name, given->out)) std::printf("%s\n", file.c_str());
    std::printf(
        "next: cd %s/%s && cmake -S . -B build -DWINDTUNNEL=%s && cmake --build build && ctest --test-dir "
        "build\n",
        given->out.c_str(), given->name.c_str(), own_path().c_str());
  });

  const auto add_check = [&](const char* name, const char* what, auto action) {
    auto* command = verb->add_subcommand(name, what);
    command->add_option("path", given->path, "shared library or YAML description")->required();
    command->add_option("--input", given->input, "T,H,W,C of one sample")->capture_default_str();
    command->add_option("--output", given->output, "T,H,W,C of its forecast (default: as the input)");
    command->callback([=, &exit_code] { exit_code = action(given->path, given->input, given->output); });
    return command;
  };
  add_check("check", "interface, shapes, gradients, determinism, save and load; in a process of its own",
            check);
  add_check("probe", "what check runs inside", probe)->group("");

  verb->add_subcommand("list", "plug-ins that are loaded")->callback([] {
    for (const auto& plugin : plugins())
      std::printf("%-20s %-10s %-8s %s\n", plugin.name.c_str(), plugin.version.c_str(), plugin.kind.c_str(),
                  plugin.path.c_str());
  });
  verb->add_subcommand("flags", "compiler options for a plug-in")->callback([] {
    std::printf("%s\n", plugin_compile_flags().c_str());
  });
});

}  // namespace
}  // namespace windtunnel::runners
