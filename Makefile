# make demo    install what is missing, build, run the whole path on made data; ends with a leaderboard page
# make test    install what is missing, build, run every test; ends with "N passed, N failed"
# make format  rewrite sources in the project's format
.PHONY: all build bootstrap demo test format clean
BUILD := build/release
JOBS ?= 2

all: build

bootstrap:
	@./cmake/bootstrap.sh

build: bootstrap
	@test -f $(BUILD)/build.ninja || cmake --preset release $(CMAKE_ARGS)
	@cmake --build $(BUILD) -j $(JOBS)

demo: build
	@$(BUILD)/windtunnel demo --out demo

test: build
	@./cmake/run_tests.sh $(BUILD)

format:
	@git ls-files '*.h' '*.cpp' | xargs clang-format -i

clean:
	@rm -rf build demo
