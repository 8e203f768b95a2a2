#!/usr/bin/env python3
"""Write the data of the scenario "eddies": python make_data.py FOLDER. No library is needed.

A row of eddies carried along by a mean flow U; the measured side decays faster and is noisy:
  u = U - a exp(-d t) cos(k (x - U t)) sin(k y),   v = a exp(-d t) sin(k (x - U t)) cos(k y)
"""
import array
import math
import random
import sys
from pathlib import Path

FRAMES, HEIGHT, WIDTH = 60, 12, 20


def trajectory(strength: int, decay: float, noise: float) -> array.array:
    draw = random.Random(strength)
    values = array.array("f")
    k, flow = 2 * math.pi / 10, 0.3
    for t in range(FRAMES):
        a = 0.1 * strength * math.exp(-decay * t)
        for y in range(HEIGHT):
            for x in range(WIDTH):
                phase = k * (x - flow * t)
                values.append(flow - a * math.cos(phase) * math.sin(k * y) + draw.gauss(0, noise))
                values.append(a * math.sin(phase) * math.cos(k * y) + draw.gauss(0, noise))
    return values


def main() -> None:
    root = Path(sys.argv[1]) / "eddies"
    for side, decay, noise in (("real", 0.01, 0.005), ("numerical", 0.005, 0.0)):
        (root / side).mkdir(parents=True, exist_ok=True)
        for strength in range(1, 7):
            values = trajectory(strength, decay, noise)
            if sys.byteorder == "big":
                values.byteswap()
            header = f"windtunnel-raw 1 {FRAMES} {HEIGHT} {WIDTH} u v\n"
            (root / side / f"{strength}.raw").write_bytes(header.encode() + values.tobytes())


if __name__ == "__main__":
    main()
