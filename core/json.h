#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace windtunnel::core {

using Json = nlohmann::json;

/// UTF-8, keys sorted, no insignificant space, shortest round-trip numbers. A NaN or infinity is an error.
std::string canonical(const Json& value);

/// `origin` (file name) appears in the error message of malformed text.
Json parse_json(std::string_view text, const std::string& origin);
Json parse_yaml(const std::string& text, const std::string& origin);
Json read_json(const std::string& path);
Json read_yaml(const std::string& path);

/// Values of `patch` replace those of `base`; objects merge recursively.
Json merged(Json base, const Json& patch);

/// Emits block-style YAML that parse_yaml reads back to an equal value.
std::string to_yaml(const Json& value);

/// A finite number as itself, otherwise {"value": null, "reason": "nan" | "inf" | "-inf"}.
Json finite_or_reason(double value);

}  // namespace windtunnel::core
