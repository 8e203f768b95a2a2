#!/usr/bin/env python3
"""Runs our benchmarks and their Python peers alternately on this machine and prints medians, ratios and, where both
tell it, the largest resident memory.

  compare.py --build build/release --python PYTHON                 every pair
  compare.py --build build/release --python PYTHON fno metrics     some of them
  compare.py --list

PYTHON needs torch, numpy, h5py and pyarrow (see README.md). Both sides get the same number of threads and, unless
--allocator default is given, the same allocator setting. A ratio above 1 means that ours is faster.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TUNED = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}


def google(program, name, per_item=False):
    """A case of a Google Benchmark program; the result is (seconds, None), of an iteration or of an item."""
    arguments = [program, f"--benchmark_filter=^{name}(/real_time)?$", "--benchmark_format=json"]

    def read(text):
        entry = json.loads(text)["benchmarks"][0]
        if per_item:
            return 1 / entry["items_per_second"], None
        return entry["real_time"] * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}[entry["time_unit"]], None

    return arguments, read


def lines(command, case, key="seconds"):
    """A case of a program that prints one JSON object per line; the result is (seconds, largest MiB or None). A rate is
    turned into seconds per item."""

    def read(text):
        for line in text.splitlines():
            if line.startswith("{"):
                entry = json.loads(line)
                if entry["case"] == case:
                    seconds = 1 / entry[key] if key.endswith("_per_second") else entry[key]
                    return seconds, entry.get("peak_mib")
        raise RuntimeError(f"no case {case} in: {text[-500:]}")

    return command, read


def model(program, model_name, label, kind, *options, repeats=3):
    """A model timed by a program with --case, and its peer; options go to ours."""
    peer = "gk" if model_name == "gk_transformer" else model_name.split("_")[0]
    case = f"{model_name}/{kind}/{label}"
    forward_only = ["--forward-only"] if kind == "forward" else []
    common = ["--threads", "{threads}", "--repeats", str(repeats), *forward_only]
    ours = lines([program, "--case", f"{model_name}/{label}", *common, *options], case)
    theirs = lines([f"{peer}_torch.py", "--case", label, *common], case)
    return ours, theirs


def fno(kind, label):
    theirs = ["fno_torch.py", "--case", label, "--threads", "{threads}"]
    if kind == "forward":
        theirs.append("--forward-only")
    return google("fno_benchmark", f"fno/{kind}/{label}"), lines(theirs, f"fno/{kind}/{label}")


def tokens(kind, label, *options):
    """A case of tokenizers_benchmark and its peer; options go to the peer."""
    group = "refinement" if label == "64x64" else "transformer"
    script = "refinement_torch.py" if group == "refinement" else "token_transformer_torch.py"
    command = [script, "--kind", kind, "--case", label, "--threads", "{threads}", *options]
    return google("tokenizers_benchmark", f"{group}/{kind}/{label}"), lines(command, f"{group}/{kind}/{label}")


MODELS = ("unet", "cno", "deeponet", "mwt", "gk_transformer", "transolver", "wdno", "dpot_s")

# group -> name of the pair -> (ours, theirs)
PAIRS = {
    "fno": {f"fno {kind} {label}": fno(kind, label) for label in ("cylinder", "tiny") for kind in ("forward", "update")},
    "piv": {  # one thread each; the peers need scipy and openpiv
        f"piv 32/16, {library}": (
            google("lab_benchmark", "piv_32_16_560x1072_passes_0"),
            lines(["lab_piv.py", "--library", library], "piv_32_16_560x1072"),
        )
        for library in ("numpy", "openpiv")
    },
    "metrics": {  # one thread each
        f"metrics, {library}": (
            google("metrics_benchmark", "score/metrics_8x20x64x128x2"),
            lines(["metrics_torch.py", "--library", library, "--threads", "1"], "metrics_8x20x64x128x2"),
        )
        for library in ("numpy", "torch")
    },
    "loader": {
        f"loader, {name}": (google("loader_benchmark", ours, True), lines(peer, case, "windows_per_second"))
        for name, ours, peer, case in (
            ("file opened per sample", "BM_Window/0", ["loader_h5py.py", "{data}"], "loader_h5py/open_per_sample"),
            ("file kept open", "BM_Window/0", ["loader_h5py.py", "{data}"], "loader_h5py/kept_open"),
            ("gzip chunks, one epoch", "BM_Epoch/threads:{threads}", ["loader_h5py.py", "{data}"], "loader_h5py/gzip"),
            ("Arrow row of 1 GB", "BM_Window/2", ["loader_arrow.py", "{data}"], "loader_arrow/row_per_sample"),
        )
    },
    "transformer": {
        **{
            f"transformer {kind} {label}": tokens(kind, label)
            for label in ("toy_1024", "2m_1024", "28m_1024", "28m_4096")
            for kind in ("decode", "prefill", "update")
        },
        # the peer with an attention over the filled part of the cache
        **{f"transformer {kind} {label}, careful": tokens(kind, label, "--careful")
           for label in ("28m_1024", "28m_4096") for kind in ("decode", "prefill")},
    },
    "refinement": {f"refinement {kind} 64x64": tokens(kind, "64x64") for kind in ("forward", "update")},
    **{
        name: {f"{name} {kind} tiny": model("models_benchmark", name, "tiny", kind) for kind in ("forward", "update")}
        for name in MODELS
    },
    # published widths on the cylinder's grid, one sample; minutes per round, tens of GB at most
    "published": {
        f"{name} {kind} cylinder": model("models_benchmark", name, "cylinder", kind, repeats=1)
        for name in MODELS
        for kind in ("forward", "update")
    },
    # our products in bfloat16 against our own float32
    "bf16": {
        f"{name} {kind} small": (
            model("models_benchmark", name, "small", kind, "--precision", "bf16")[0],
            model("models_benchmark", name, "small", kind)[0],
        )
        for name in MODELS
        for kind in ("forward", "update")
    },
}


def run(command, environment, substitutions):
    arguments, read = command
    for key in ("{threads}", "{data}"):
        arguments = [a.replace(key, substitutions[key]) for a in arguments]
    program, rest = arguments[0], arguments[1:]
    start = (
        [substitutions["python"], str(HERE / "peers" / program)]
        if program.endswith(".py")
        else [str(substitutions["programs"] / program)]
    )
    done = subprocess.run(start + rest, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(start + rest)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return read(done.stdout)


def find_programs(build):
    for folder in (build / "benchmarks", build):
        if any(folder.glob("*_benchmark")):
            return folder
    sys.exit(f"no benchmarks under {build}; build them first: cmake --build {build}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="pairs to run; all if none is named")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--python", default=sys.executable, help="interpreter with torch, numpy and h5py")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3, help="alternations; the medians are compared")
    parser.add_argument("--allocator", choices=["tuned", "default"], default="tuned")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", type=pathlib.Path, help="also write the results to this file")
    options = parser.parse_args()
    unknown = set(options.groups) - set(PAIRS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(PAIRS)}")
    chosen = options.groups or list(PAIRS)
    if options.list:
        for group in chosen:
            print(group + ": " + "; ".join(PAIRS[group]))
        return

    environment = {k: v for k, v in os.environ.items() if k not in TUNED}
    environment.update(OMP_NUM_THREADS=str(options.threads), WINDTUNNEL_THREADS=str(options.threads))
    if options.allocator == "tuned":
        environment.update(TUNED)
    else:
        environment["WINDTUNNEL_ALLOCATOR"] = "default"

    results, failed = [], 0
    print(f"{options.threads} threads, {options.allocator} allocator, load {os.getloadavg()[0]:.1f} at the start")
    print(f"{'case':34s} {'ours s':>11s} {'peer s':>11s} {'ratio':>7s} {'our MiB':>7s} {'peer':>7s}   ratios of single rounds", flush=True)
    with tempfile.TemporaryDirectory() as data:
        environment["WINDTUNNEL_LOADER_DATA"] = data
        substitutions = {
            "{threads}": str(options.threads),
            "{data}": data,
            "python": options.python,
            "programs": find_programs(options.build),
        }
        for group in chosen:
            for name, (ours, theirs) in PAIRS[group].items():
                times, peaks = {"ours": [], "theirs": []}, {"ours": [], "theirs": []}
                try:
                    for _ in range(options.rounds):
                        for side, command in (("ours", ours), ("theirs", theirs)):
                            seconds, peak = run(command, environment, substitutions)
                            times[side].append(seconds)
                            peaks[side].append(peak)
                except (RuntimeError, OSError, KeyError, IndexError, ValueError) as error:
                    print(f"{name:34s} failed: {error}", flush=True)
                    failed += 1
                    continue
                ours_s, theirs_s = statistics.median(times["ours"]), statistics.median(times["theirs"])
                single = " ".join(f"{b / a:.2f}" for a, b in zip(times["ours"], times["theirs"]))
                memory = " ".join(f"{max(p):7.0f}" if None not in p else f"{'':7s}" for p in peaks.values())
                print(f"{name:34s} {ours_s:11.5f} {theirs_s:11.5f} {theirs_s / ours_s:7.2f} {memory}   {single}", flush=True)
                results.append({"case": name, "ours_s": times["ours"], "peer_s": times["theirs"],
                                "ratio": theirs_s / ours_s, "ours_mib": peaks["ours"], "peer_mib": peaks["theirs"]})
    if options.json:
        context = {"threads": options.threads, "allocator": options.allocator, "rounds": options.rounds,
                   "load": os.getloadavg()}
        options.json.write_text(json.dumps({"context": context, "results": results}, indent=1) + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
