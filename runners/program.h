#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace windtunnel::runners {

/// Parses the command line, runs the verb and turns a core::Error into one message on standard error and its
/// exit code (2 usage, 3 data, 4 model, 5 environment, 6 interrupted). 1 means that a check found something.
int run_program(int argc, char** argv);

/// A verb adds its subcommand to `app` and sets a callback; the callback stores the exit code in `exit_code`.
struct Verb {
  int order;  ///< position in --help
  std::function<void(CLI::App& app, int& exit_code)> add;
};

std::vector<Verb>& verbs();

struct VerbRegistration {
  VerbRegistration(int order, std::function<void(CLI::App&, int&)> add) {
    verbs().push_back({order, std::move(add)});
  }
};

}  // namespace windtunnel::runners
