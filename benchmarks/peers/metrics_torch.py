"""Peer of metrics_benchmark: the same 13 metrics of one batch (8,20,64,128,2) in vectorised PyTorch, or NumPy with
--library numpy. Prints one JSON line per case: {"case", "seconds", "library", "threads", "values"}."""

import argparse
import json
import time

import numpy as np

SHAPE = (8, 20, 64, 128, 2)


def radial_bins(t, h, w):
    """Bin of every mode of the non-negative octant, -1 beyond the last; computed once."""
    i, j, k = np.meshgrid(np.arange(t // 2), np.arange(h // 2), np.arange(w // 2), indexing="ij")
    r = np.floor(np.sqrt(i**2 + j**2 + k**2)).astype(np.int64)
    n = min(t // 2, h // 2, w // 2)
    return np.where(r < n, r, -1), n


def bands(e, y, bins, n, points):
    lo, hi = round(n / 3), round(2 * n / 3)
    err = (e.mean(0) ** 0.5) / points
    ref = (y.mean(0) ** 0.5) / points
    cuts = [(0, lo), (lo, hi), (hi, n)]
    values = {"frmse": float(err.mean())}
    for name, (a, b) in zip(("low", "mid", "high"), cuts):
        values[name + "_frmse"] = float(err[a:b].mean())
        values["rel_" + name + "_frmse"] = float((err[a:b] / ref[a:b]).mean())
    return values


def metrics_torch(p, y, bins, n):
    import torch

    b, t, h, w, c = y.shape
    d = p - y
    values = {
        "rmse": float((d**2).mean().sqrt()),
        "mae": float(d.abs().mean()),
        "rel_l2": float((d.reshape(b, -1).norm(dim=1) / y.reshape(b, -1).norm(dim=1)).mean()),
        "r2": float(1 - (d**2).sum() / ((y - y.mean(0)) ** 2).sum()),
    }
    ke = [0.5 * f[..., :2].var(dim=1, unbiased=False).sum(-1) for f in (p, y)]
    values["ke"] = float((ke[0] - ke[1]).abs().mean())
    signal = [torch.fft.fft(f.sum(dim=(2, 3, 4)), dim=1) for f in (p, y)]
    values["fe"] = float((signal[0] - signal[1]).abs().mean())
    spectra = [torch.fft.fftn(f, dim=(1, 2, 3)) for f in (p, y)]
    octant = (slice(None), slice(0, t // 2), slice(0, h // 2), slice(0, w // 2))
    error = (spectra[0] - spectra[1]).abs() ** 2
    power = spectra[1].abs() ** 2
    index = torch.from_numpy(np.where(bins < 0, n, bins).reshape(-1))
    sums = []
    for energy in (error, power):
        flat = energy[octant].reshape(b, -1, c)
        out = torch.zeros(b, n + 1, c, dtype=flat.dtype)
        sums.append(out.index_add_(1, index, flat)[:, :n])
    values.update(bands(sums[0], sums[1], bins, n, t * h * w))
    return values


def metrics_numpy(p, y, bins, n):
    b, t, h, w, c = y.shape
    d = p - y
    values = {
        "rmse": float(np.sqrt(np.mean(d**2))),
        "mae": float(np.mean(np.abs(d))),
        "rel_l2": float(
            np.mean(np.linalg.norm(d.reshape(b, -1), axis=1) / np.linalg.norm(y.reshape(b, -1), axis=1))
        ),
        "r2": float(1 - np.sum(d**2) / np.sum((y - y.mean(0)) ** 2)),
    }
    ke = [0.5 * f[..., :2].var(axis=1).sum(-1) for f in (p, y)]
    values["ke"] = float(np.mean(np.abs(ke[0] - ke[1])))
    signal = [np.fft.fft(f.sum(axis=(2, 3, 4)), axis=1) for f in (p, y)]
    values["fe"] = float(np.mean(np.abs(signal[0] - signal[1])))
    spectra = [np.fft.fftn(f, axes=(1, 2, 3)) for f in (p, y)]
    octant = (slice(None), slice(0, t // 2), slice(0, h // 2), slice(0, w // 2))
    sums = []
    for energy in (np.abs(spectra[0] - spectra[1]) ** 2, np.abs(spectra[1]) ** 2):
        flat = energy[octant].reshape(b, -1, c)
        out = np.stack([flat[:, (bins == r).reshape(-1)].sum(1) for r in range(n)], axis=1)
        sums.append(out)
    values.update(bands(sums[0], sums[1], bins, n, t * h * w))
    return values


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", choices=["torch", "numpy"], default="torch")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=10)
    args = parser.parse_args()
    random = np.random.default_rng(1)
    y = random.standard_normal(SHAPE, dtype=np.float32)
    p = 0.9 * y + 0.1 * random.standard_normal(SHAPE, dtype=np.float32)
    bins, n = radial_bins(*SHAPE[1:4])
    compute = metrics_numpy
    if args.library == "torch":
        import torch

        torch.set_num_threads(args.threads)
        y, p, compute = torch.from_numpy(y), torch.from_numpy(p), metrics_torch
    values = compute(p, y, bins, n)
    seconds, cpu = [], []
    for _ in range(args.repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        compute(p, y, bins, n)
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    print(
        json.dumps(
            {
                "case": "metrics_" + "x".join(map(str, SHAPE)),
                "seconds": sorted(seconds)[len(seconds) // 2],
                "cpu_seconds": sorted(cpu)[len(cpu) // 2],
                "library": args.library,
                "threads": args.threads,
                "values": values,
            }
        )
    )


if __name__ == "__main__":
    main()
