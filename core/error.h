#pragma once

#include <stdexcept>
#include <string>

namespace windtunnel::core {

/// The value is the process exit code.
enum class ErrorKind { usage = 2, data = 3, model = 4, environment = 5, interrupted = 6 };

/// The only exception of the project. `found` says what is wrong and where (file, key, channel); `expected`
/// what would be right; `hint` what to do next. The program prints the three on separate lines and exits with
/// `kind`.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string found, std::string expected = "", std::string hint = "");

  ErrorKind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }
  const std::string& found() const { return found_; }
  const std::string& expected() const { return expected_; }
  const std::string& hint() const { return hint_; }

 private:
  ErrorKind kind_;
  std::string found_, expected_, hint_;
};

Error usage_error(std::string found, std::string expected = "", std::string hint = "");
Error data_error(std::string found, std::string expected = "", std::string hint = "");
Error model_error(std::string found, std::string expected = "", std::string hint = "");
Error environment_error(std::string found, std::string expected = "", std::string hint = "");

}  // namespace windtunnel::core

namespace windtunnel {
using core::data_error;
using core::environment_error;
using core::Error;
using core::ErrorKind;
using core::model_error;
using core::usage_error;
}  // namespace windtunnel
