#!/usr/bin/env python3
"""Opens what `windtunnel data make` writes for the systems of The Well in the package made for these data.

    pip install the_well
    python3 tests/interop/the_well_files.py build/release/windtunnel

The package reads windows of every split, checks them against the files (h5py), its statistics against ours, and
takes the time grid, scalars and boundary conditions. Exit status 1 if anything differs.
"""
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import torch
import yaml
from the_well.data import WellDataset
from the_well.data.normalization import ZScoreNormalization

SYSTEMS = {"gray_scott": ["A", "B"], "shear_flow": ["tracer", "pressure", "velocity_x", "velocity_y"]}
FRAMES, IN, OUT = 12, 4, 2


def stored(file, name):
    """Values (T,H,W) of a channel in a file with one trajectory."""
    with h5py.File(file) as h:
        for group in ("t0_fields", "t1_fields"):
            if name in h[group]:
                return h[group][name][0]
        base, axis = name.rsplit("_", 1)
        return h["t1_fields"][base][0][..., "xy".index(axis)]


def check(program, system, channels, root):
    subprocess.run([program, "data", "make", system, "--size", "tiny", "--frames", str(FRAMES), "--height", "16",
                    "--width", "24", "--in-step", str(IN), "--out-step", str(OUT), "--out", root, "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    folder = pathlib.Path(root) / system
    count = 0
    for part in ("train", "valid", "test"):
        data = WellDataset(path=str(folder), well_split_name=part, n_steps_input=IN, n_steps_output=OUT,
                           use_normalization=False)
        files = sorted((folder / "data" / part).glob("*.hdf5"))
        windows = FRAMES - IN - OUT + 1
        assert len(data) == len(files) * windows, (len(data), len(files))
        for i in range(len(data)):
            sample = data[i]
            file, start = files[i // windows], i % windows
            got = torch.cat([sample["input_fields"], sample["output_fields"]]).numpy()
            for c, name in enumerate(channels):
                assert np.array_equal(got[..., c], stored(file, name)[start:start + IN + OUT]), (file, name, start)
            assert bool((sample["boundary_conditions"] == 2).all())  # periodic
            with h5py.File(file) as h:
                scalars = [h.attrs[name] for name in h.attrs["simulation_parameters"]]
            assert np.allclose(sample["constant_scalars"].numpy(), scalars, rtol=1e-6)
            assert sample["space_grid"].shape == (16, 24, 2)
            count += got.size
    # The package normalises with our stats.yaml: the training data must come out with mean 0 and deviation 1.
    data = WellDataset(path=str(folder), well_split_name="train", n_steps_input=FRAMES - 1, n_steps_output=1,
                       use_normalization=True, normalization_type=ZScoreNormalization)
    values = np.concatenate([torch.cat([s["input_fields"], s["output_fields"]]).numpy()
                             for s in (data[i] for i in range(len(data)))])
    statistics = yaml.safe_load((folder / "stats.yaml").read_text())
    assert {"mean", "std", "rms", "mean_delta", "std_delta", "rms_delta"} <= set(statistics)
    for group in ([c] for c in range(2)) if system == "gray_scott" else ([0], [1], [2], [3]):
        part = values[..., group]
        assert abs(part.mean()) < 1e-3 and abs(part.std() - 1) < 1e-2, (group, part.mean(), part.std())
    return count


def main():
    with tempfile.TemporaryDirectory() as root:
        for system, channels in SYSTEMS.items():
            print(f"{system}: {check(sys.argv[1], system, channels, root)} values equal, statistics agree")


if __name__ == "__main__":
    main()
