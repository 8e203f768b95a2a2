#include "core/error.h"

namespace windtunnel::core {
namespace {

std::string join(const std::string& found, const std::string& expected, const std::string& hint) {
  std::string text = found;
  if (!expected.empty()) text += "\n  expected: " + expected;
  if (!hint.empty()) text += "\n  hint: " + hint;
  return text;
}

}  // namespace

Error::Error(ErrorKind kind, std::string found, std::string expected, std::string hint)
    : std::runtime_error(join(found, expected, hint)),
      kind_(kind),
      found_(std::move(found)),
      expected_(std::move(expected)),
      hint_(std::move(hint)) {}

Error usage_error(std::string found, std::string expected, std::string hint) {
  return Error(ErrorKind::usage, std::move(found), std::move(expected), std::move(hint));
}
Error data_error(std::string found, std::string expected, std::string hint) {
  return Error(ErrorKind::data, std::move(found), std::move(expected), std::move(hint));
}
Error model_error(std::string found, std::string expected, std::string hint) {
  return Error(ErrorKind::model, std::move(found), std::move(expected), std::move(hint));
}
Error environment_error(std::string found, std::string expected, std::string hint) {
  return Error(ErrorKind::environment, std::move(found), std::move(expected), std::move(hint));
}

}  // namespace windtunnel::core
