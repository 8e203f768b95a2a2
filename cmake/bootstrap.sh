#!/usr/bin/env bash
# Installs what the build needs and is missing: system packages (as root) and, in the project-local folder
# .deps, LibTorch and Arrow C++ taken from the pinned Python wheels. Running it again does nothing.
#   WINDTUNNEL_TORCH=/path     use another LibTorch (a folder with share/cmake/Torch); no wheel is fetched
#   WINDTUNNEL_BROWSER=1       also install Chromium, with which the leaderboard's pages are tested
#   WINDTUNNEL_PIP_ARGS="..."  extra arguments for pip, such as another package index
set -euo pipefail
cd "$(dirname "$0")/.."

torch_version=2.13.0
arrow_version=26.0.1
packages=(build-essential cmake ninja-build ccache pkg-config git clang-format unzip python3 python3-pip
  libhdf5-dev libnetcdf-dev libfftw3-dev libgtest-dev libbenchmark-dev libcli11-dev nlohmann-json3-dev
  libyaml-cpp-dev libspdlog-dev libssl-dev libcurl4-openssl-dev libstb-dev zlib1g-dev)
[[ -z ${WINDTUNNEL_BROWSER:-} ]] || packages+=(chromium)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
  if [[ $(id -u) == 0 ]]; then
    echo "Installing system packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "Missing system packages. An administrator must run:" >&2
    echo "  sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 5
  fi
fi

# fetch NAME VERSION FOLDERS...: unpack the named folders of a wheel into .deps/NAME
fetch() {
  local name=$1 version=$2
  shift 2
  [[ -f .deps/$name/.version && $(cat ".deps/$name/.version") == "$version" ]] && return
  echo "Fetching $name $version"
  local wheels
  wheels=$(mktemp -d)
  # shellcheck disable=SC2086
  python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: \
    ${WINDTUNNEL_PIP_ARGS:-} -d "$wheels" "$name==$version"
  rm -rf ".deps/$name.new" && mkdir -p ".deps/$name.new"
  unzip -q "$wheels"/*.whl "$@" -d ".deps/$name.new"
  rm -rf ".deps/$name" && mv ".deps/$name.new/$name" ".deps/$name"
  rm -rf ".deps/$name.new" "$wheels"
  echo "$version" >".deps/$name/.version"
}
mkdir -p .deps
[[ -n ${WINDTUNNEL_TORCH:-} ]] || fetch torch "$torch_version" 'torch/lib/*' 'torch/include/*' 'torch/share/*'
fetch pyarrow "$arrow_version" 'pyarrow/libarrow.so*' 'pyarrow/include/*'
