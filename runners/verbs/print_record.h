#pragma once

#include <string>

#include "core/json.h"

namespace windtunnel::runners {

/// The scores of a record beside the trivial forecasts, on standard output.
void print_record(const core::Json& record, const std::string& folder);

}  // namespace windtunnel::runners
