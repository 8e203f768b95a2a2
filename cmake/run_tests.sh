#!/usr/bin/env bash
# run_tests.sh BUILD: runs every test program of the build, the format check and the command-line tests, and ends
# with the plain line "N passed, N failed". Exit code 1 if anything failed.
set -uo pipefail
cd "$(dirname "$0")/.."
build=$1
passed=0
failed=0

check() {  # check NAME COMMAND...: one pass or failure
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED: $name"
  fi
}

formatted() {
  git ls-files '*.h' '*.cpp' | xargs clang-format --dry-run --Werror
}
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  check "format (make format mends it)" formatted
fi

for program in "$build"/tests/test_*; do
  [[ -x $program && -f $program ]] || continue
  echo "== $(basename "$program")"
  report=$(mktemp)
  "$program" --gtest_brief=1 --gtest_output="json:$report"
  code=$?
  counts=$(python3 - "$report" <<'PY'
import json, sys
try:
    report = json.load(open(sys.argv[1]))
    bad = report["failures"] + report.get("errors", 0)
    print(report["tests"] - report.get("disabled", 0) - bad, bad)
except Exception:
    print(0, 0)
PY
  )
  read -r good bad <<<"$counts"
  # A crash leaves no report or one without the failing test: the exit code tells.
  if ((code != 0 && bad == 0)); then
    echo "FAILED: $(basename "$program") ended with code $code"
    bad=1
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
  rm -f "$report"
done

if [[ -d ../shared/golden ]]; then
  check "conformance ../shared/golden" "$build/windtunnel" conformance ../shared/golden
fi

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [[ -n $browser ]]; then
  echo "== leaderboard in $(basename "$browser")"
  folder=$(mktemp -d)
  "$build/benchmarks/site_benchmark" "$folder"
  report=$(python3 tests/browser/site_test.py "$folder/site" --browser "$browser")
  echo "$report"
  if [[ $(tail -n 1 <<<"$report") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[2]))
  else
    failed=$((failed + 1))
    echo "FAILED: the browser test ended early"
  fi
  rm -rf "$folder"
else
  echo "left out: the browser test (no Chromium; WINDTUNNEL_BROWSER=1 cmake/bootstrap.sh installs it)"
fi

echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
