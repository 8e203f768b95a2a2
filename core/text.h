#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace windtunnel::core {

std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::vector<std::string> split(std::string_view text, char separator);
std::string trim(std::string_view text);

/// The candidate with the smallest edit distance to `name`, or "" if none is near (more than half its letters
/// differ).
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

/// "did you mean 'fno'? known: cno, fno, unet" for error hints.
std::string suggestion(std::string_view name, const std::vector<std::string>& candidates);

/// Shortest decimal text that reads back to the same double ("0.1", "1e-05"); locale independent.
std::string number(double value);

}  // namespace windtunnel::core
