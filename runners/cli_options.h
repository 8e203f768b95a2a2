#pragma once

#include <CLI/CLI.hpp>

#include "core/options.h"

namespace windtunnel::runners {

/// Adds every option of `options` to the subcommand as --key (underscores become dashes), with its
/// documentation, default and allowed values. `options` must outlive the parse.
void add_options(CLI::App& app, core::Options& options);

}  // namespace windtunnel::runners
