#include "runners/program.h"

#include <algorithm>
#include <iostream>
#include <new>

#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "runners/interrupt.h"
#include "runners/plugin.h"
#include "runners/version.h"

namespace windtunnel::runners {

std::vector<Verb>& verbs() {
  static std::vector<Verb> instance;
  return instance;
}

namespace {

int report(const Error& error) {
  std::cerr << "error: " << error.found() << "\n";
  if (!error.expected().empty()) std::cerr << "  expected: " << error.expected() << "\n";
  if (!error.hint().empty()) std::cerr << "  hint: " << error.hint() << "\n";
  return error.exit_code();
}

/// LibTorch's messages carry a C++ stack trace after the first line.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

int run_program(int argc, char** argv) {
  CLI::App app("Windtunnel puts learned solvers of physical systems to the test.", "windtunnel");
  app.set_version_flag("--version", std::string("windtunnel ") + kVersion);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  bool quiet = false;
  app.add_flag("-q,--quiet", quiet, "no progress lines");
  app.fallthrough();

  int exit_code = 0;
  std::stable_sort(verbs().begin(), verbs().end(),
                   [](const Verb& a, const Verb& b) { return a.order < b.order; });
  for (const auto& verb : verbs()) verb.add(app, exit_code);
  std::vector<std::string> plugin_files;
  app.add_option("--plugin", plugin_files, "plug-in or description of an exported module; may be repeated")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.parse_complete_callback([&] {
    core::set_log_quiet(quiet);
    remember_plugins(plugin_files);
    // A sweep only starts children, and what checks a plug-in loads it there: a crash must not end them.
    if (!app.got_subcommand("sweep") && !(app.got_subcommand("plugin") && plugin_files.empty()))
      load_plugins(plugin_files);
  });

  install_interrupt_handler();
  try {
    app.parse(argc, argv);
    return exit_code;
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForAllHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForVersion& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::string hint = "windtunnel --help";
    if (argc > 1) {
      std::vector<std::string> names;
      for (const auto* verb : app.get_subcommands({})) names.push_back(verb->get_name());
      if (std::find(names.begin(), names.end(), argv[1]) == names.end())
        hint = core::suggestion(argv[1], names);
      else
        hint = std::string("windtunnel ") + argv[1] + " --help";
    }
    return report(usage_error(e.what(), "", hint));
  } catch (const Error& e) {
    return report(e);
  } catch (const std::bad_alloc&) {
    return report(environment_error("out of memory", "", "use a smaller batch or preset"));
  } catch (const std::exception& e) {
    return report(model_error("internal failure: " + first_line(e.what()), "",
                              "please report this with the command that led here"));
  } catch (...) {
    return report(model_error("something that is no std::exception was thrown", "",
                              "a plug-in's model? `windtunnel plugin check` tests it"));
  }
}

}  // namespace windtunnel::runners
