#!/usr/bin/env python3
"""Windows per second with h5py and numpy, from the files of loader_benchmark to normalised samples.

  loader_h5py.py DIR [--seconds S]     DIR as in WINDTUNNEL_LOADER_DATA

Prints one JSON line per way of reading: {"case", "windows_per_second", "bytes_per_second", "cpu_seconds_per_window"}.
  loader_h5py/open_per_sample   the file is opened for every window, as a dataset class without state does
  loader_h5py/kept_open         one handle per file
  loader_h5py/gzip              one handle per file, shuffled and deflated chunks, h5py's chunk cache
With --ratio FILE (output of loader_benchmark --benchmark_format=json) each line also has "ratio": processor seconds per
window here divided by those of BM_Window, which other work on the machine disturbs least.
"""
import argparse
import json
import pathlib
import random
import time

import h5py
import numpy as np

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
IN_FRAMES, OUT_FRAMES = 20, 20
MEAN = np.array([0.1, 0.1, 0.0], np.float32)
DEVIATION = np.array([0.3, 0.3, 1.0], np.float32)


def window(file, start):
    """Input and target (T,H,W,C), channels u, v and an absent pressure, normalised."""
    stop = start + IN_FRAMES + OUT_FRAMES
    group = file["measured_data"]
    u, v = group["u"][start:stop], group["v"][start:stop]
    fields = np.stack([u, v, np.zeros_like(u)], axis=-1).astype(np.float32)
    return (fields[:IN_FRAMES] - MEAN) / DEVIATION, (fields[IN_FRAMES:] - MEAN) / DEVIATION


def measure(read, files, seconds):
    draw = random.Random(2)
    def one():
        path = draw.choice(files)
        return sum(part.nbytes for part in read(path, draw.randrange(0, 1000 - IN_FRAMES - OUT_FRAMES)))
    for _ in range(20):
        one()
    count = size = 0
    begin, busy = time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < seconds:
        size += one()
        count += 1
    elapsed, busy = time.perf_counter() - begin, time.process_time() - busy
    return count / elapsed, size / elapsed, busy / count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--ratio", type=pathlib.Path)
    options = parser.parse_args()
    files = sorted((options.folder / "cylinder" / "real").glob("*.h5"))
    ours = None
    if options.ratio:
        ours = next(b["cpu_time"] * UNITS[b["time_unit"]] for b in json.loads(options.ratio.read_text())["benchmarks"]
                    if b["name"].startswith("BM_Window/0"))

    def open_per_sample(path, start):
        with h5py.File(path, "r") as file:
            return window(file, start)

    opened = {path: h5py.File(path, "r") for path in files}
    packed = {path: h5py.File(path, "r") for path in sorted((options.folder / "gzip/cylinder/real").glob("*.h5"))}
    ways = {
        "open_per_sample": (open_per_sample, files),
        "kept_open": (lambda path, start: window(opened[path], start), files),
    }
    if packed:
        ways["gzip"] = (lambda path, start: window(packed[path], start), list(packed))
    for name, (read, among) in ways.items():
        windows, size, busy = measure(read, among, options.seconds)
        line = {"case": f"loader_h5py/{name}", "windows_per_second": round(windows, 1), "bytes_per_second": round(size),
                "cpu_seconds_per_window": round(busy, 6)}
        if ours:
            line["ratio"] = round(busy / ours, 2)
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
