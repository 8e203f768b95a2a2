#include "results/html.h"

#include "core/embedded.h"
#include "core/error.h"
#include "core/text.h"

namespace windtunnel::results {
namespace assets {
const std::vector<core::EmbeddedFile>& embedded_files();
}

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

const std::string& asset(const std::string& name) {
  for (const auto& file : assets::embedded_files())
    if (file.name == name) return file.text;
  throw environment_error(name + " is missing from this build");
}

std::string html_page(const std::string& title, const std::string& body, const std::string& scripts) {
  std::string page =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'; img-src data:\">\n<title>" +
      escaped(title) + "</title>\n<style>\n" + asset("page.css") + "</style>\n</head>\n<body>\n<main>\n" +
      body + "</main>\n";
  if (!scripts.empty())
    for (const auto& name : core::split(scripts, ',')) page += "<script>\n" + asset(name) + "</script>\n";
  return page + "</body>\n</html>\n";
}

std::string json_island(const std::string& id, const core::Json& value) {
  std::string text = value.dump(-1, ' ', false, core::Json::error_handler_t::replace);
  for (size_t at = 0; (at = text.find('<', at)) != std::string::npos; at += 6) text.replace(at, 1, "\\u003c");
  return "<script type=\"application/json\" id=\"" + id + "\">" + text + "</script>\n";
}

std::string synthetic_mark(const std::string& label) {
  std::string how = core::trim(label);
  while (!how.empty() && how.back() == '.') how.pop_back();
  return "<p class=\"synthetic\" role=\"note\"><strong>Synthetic data</strong> No instrument measured these "
         "data" +
         (how.empty() ? "" : ": " + escaped(how)) + ".</p>\n";
}

}  // namespace windtunnel::results
