#pragma once

#include <string>
#include <string_view>

#include "core/json.h"

namespace windtunnel::results {

/// Text with & < > " ' escaped, for element content and quoted attributes.
std::string escaped(std::string_view text);

/// A complete page that may load nothing (its content security policy forbids it): the shared style, `body`
/// inside <main>, the script assets named (comma separated), if any.
std::string html_page(const std::string& title, const std::string& body, const std::string& scripts = "");

/// <script type="application/json" id=...>; safe against "</script>" inside strings.
std::string json_island(const std::string& id, const core::Json& value);

/// Text of a compiled-in asset.
const std::string& asset(const std::string& name);

/// The mark of made data.
std::string synthetic_mark(const std::string& label);

}  // namespace windtunnel::results
