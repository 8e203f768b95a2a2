#!/usr/bin/env python3
"""Windows per second of a loader that decodes the whole Arrow row for every sample, as a dataset of rows delivers it,
from the row of loader_benchmark to normalised samples (T,H,W,C).

  loader_arrow.py DIR [--seconds S]     DIR as in WINDTUNNEL_LOADER_DATA

Prints one JSON line {"case": "loader_arrow/row_per_sample", "windows_per_second", "cpu_seconds_per_window"}. Needs
pyarrow and numpy.
"""
import argparse
import json
import pathlib
import random
import time

import numpy as np
import pyarrow as pa

IN_FRAMES, OUT_FRAMES = 20, 20
MEAN = np.array([0.1, 0.1, 0.0], np.float32)
DEVIATION = np.array([0.3, 0.3, 1.0], np.float32)


def window(table, start):
    row = table.slice(0, 1).to_pylist()[0]  # every column becomes a Python object
    shape = (row["shape_t"], row["shape_h"], row["shape_w"])
    stop = start + IN_FRAMES + OUT_FRAMES
    u, v = (np.frombuffer(row[name], np.float32).reshape(shape)[start:stop] for name in "uv")
    fields = np.stack([u, v, np.zeros_like(u)], axis=-1)
    return (fields[:IN_FRAMES] - MEAN) / DEVIATION, (fields[IN_FRAMES:] - MEAN) / DEVIATION


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    shard = next((options.folder / "arrow/cylinder/hf_dataset/real").glob("*.arrow"))
    table = pa.ipc.open_stream(pa.memory_map(str(shard))).read_all()
    draw = random.Random(2)
    frames = table["shape_t"][0].as_py()
    window(table, 0)
    count = 0
    begin, busy = time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < options.seconds:
        window(table, draw.randrange(0, frames - IN_FRAMES - OUT_FRAMES))
        count += 1
    elapsed, busy = time.perf_counter() - begin, time.process_time() - busy
    print(json.dumps({"case": "loader_arrow/row_per_sample", "windows_per_second": round(count / elapsed, 2),
                      "cpu_seconds_per_window": round(busy / count, 6)}))


if __name__ == "__main__":
    main()
