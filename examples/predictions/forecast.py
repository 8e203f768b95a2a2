#!/usr/bin/env python3
"""A forecast made without Windtunnel: damped persistence in numpy, written for `windtunnel score`.

    windtunnel task export cylinder/real --data DATA --with-training --out task
    python forecast.py task forecast.npy
    windtunnel score --task cylinder/real --predictions forecast.npy --name damped_persistence --data DATA
"""
import json
import sys
from pathlib import Path

import numpy as np


def main() -> None:
    folder, out = Path(sys.argv[1]), sys.argv[2]
    task = json.loads((folder / "task.json").read_text())
    test = task["splits"]["test"]
    x = np.load(folder / test["files"]["inputs"], mmap_mode="r")  # (N,T,H,W,C), physical units
    frames = test["target_shape"][1]
    channels = test["target_shape"][4]

    # The one thing learned: per frame ahead, how much of the last deviation from the window's mean survives.
    training = [s for name, s in task["splits"].items() if name.endswith("_train")]
    keep = np.full(frames, 1.0)
    if training:
        a = np.load(folder / training[0]["files"]["inputs"], mmap_mode="r")[..., :channels]
        b = np.load(folder / training[0]["files"]["targets"], mmap_mode="r")
        mean = a.mean(axis=1)
        deviation = a[:, -1] - mean
        for t in range(frames):
            keep[t] = (deviation * (b[:, t] - mean)).sum() / max((deviation**2).sum(), 1e-30)

    mean = x[..., :channels].mean(axis=1)
    deviation = x[:, -1, ..., :channels] - mean
    forecast = mean[:, None] + keep[None, :, None, None, None] * deviation[:, None]
    np.save(out, forecast.astype("<f4"))
    print(f"{out}: {forecast.shape}")


if __name__ == "__main__":
    main()
