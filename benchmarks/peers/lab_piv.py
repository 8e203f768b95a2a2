"""Peer of lab_benchmark's image velocimetry: one pass of 32 x 32 windows every 16 px over a pair of 560 x 1072 pictures,
in vectorised NumPy (transforms of SciPy) or with OpenPIV, --library openpiv. One thread. Prints one JSON line:
{"case", "seconds", "cpu_seconds", "library", "vectors_per_second", "median_u"}; the rate is per second of processor time."""

import argparse
import json
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np  # noqa: E402

N, STEP = 32, 16


def pictures():
    """Particles that move 5 px along the rows."""
    rng = np.random.default_rng(1)
    a, b = np.full((560, 1072), 10.0, np.float32), np.full((560, 1072), 10.0, np.float32)
    r = rng.integers(2, 558, 30000)
    c = rng.integers(2, 1065, 30000)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            light = 120 / (1 + 2 * (i * i + j * j))
            np.add.at(a, (r + i, c + j), light)
            np.add.at(b, (r + i, c + j + 5), light)
    return a, b


def with_numpy(a, b):
    from scipy import fft

    def windows(image):
        w = np.lib.stride_tricks.sliding_window_view(image, (N, N))[::STEP, ::STEP].reshape(-1, N, N)
        w = w - w.mean((1, 2), keepdims=True)
        return w / np.maximum(w.std((1, 2), keepdims=True), 1e-9)

    wa, wb = windows(a), windows(b)
    product = np.conj(fft.rfft2(wa)) * fft.rfft2(wb)
    c = np.fft.fftshift(fft.irfft2(product, s=(N, N)), axes=(1, 2)) / N**2
    k = np.arange(len(c))
    flat = c.reshape(len(c), -1)
    row, column = np.divmod(flat.argmax(1), N)
    row, column = np.clip(row, 1, N - 2), np.clip(column, 1, N - 2)

    def refine(before, middle, after):
        before, middle, after = (np.log(np.maximum(v, 1e-7)) for v in (before, middle, after))
        return (before - after) / (2 * before - 4 * middle + 2 * after)

    middle = c[k, row, column]
    v = row - N // 2 + refine(c[k, row - 1, column], middle, c[k, row + 1, column])
    u = column - N // 2 + refine(c[k, row, column - 1], middle, c[k, row, column + 1])
    rest = c.copy()  # the second peak, outside 5 x 5 points around the first
    for i in range(-2, 3):
        for j in range(-2, 3):
            rest[k, np.clip(row + i, 0, N - 1), np.clip(column + j, 0, N - 1)] = 0
    return u, v, middle / np.maximum(rest.reshape(len(c), -1).max(1), 1e-9)


def with_openpiv(a, b):
    from openpiv import pyprocess

    return pyprocess.extended_search_area_piv(
        a, b, window_size=N, overlap=N - STEP, search_area_size=N, correlation_method="circular",
        normalized_correlation=True, subpixel_method="gaussian", sig2noise_method="peak2peak", use_vectorized=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", choices=["numpy", "openpiv"], default="numpy")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    a, b = pictures()
    run = {"numpy": with_numpy, "openpiv": with_openpiv}[arguments.library]
    result = run(a, b)
    times = [timed(run, a, b) for _ in range(arguments.repeats)]
    seconds, cpu_seconds = min(t[0] for t in times), min(t[1] for t in times)
    print(json.dumps({"case": "piv_32_16_560x1072", "seconds": seconds, "cpu_seconds": cpu_seconds,
                      "library": arguments.library, "vectors_per_second": np.size(result[0]) / cpu_seconds,
                      "median_u": float(np.nanmedian(result[0]))}))


def timed(run, a, b):
    start, cpu = time.perf_counter(), time.process_time()
    run(a, b)
    return time.perf_counter() - start, time.process_time() - cpu


if __name__ == "__main__":
    main()
