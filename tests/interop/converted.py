#!/usr/bin/env python3
"""Opens what `windtunnel data convert` writes in the programs it is meant for and compares every value.

    pip install h5py datasets xarray netCDF4
    python3 tests/interop/converted.py build/release/windtunnel cylinder DATA

DATA holds the scenario in RealPDEBench's HDF5 layout. h5py reads the HDF5 files, datasets.load_from_disk the Arrow
folders, xarray the NetCDF files. The numbers must be equal to the bit. Exit status 1 if they are not.
"""
import pathlib
import subprocess
import sys
import tempfile

import datasets
import h5py
import numpy as np
import xarray


def fields_of(file):
    """Field name -> (T,H,W) of an HDF5 trajectory of a fluid scenario."""
    with h5py.File(file) as h:
        return {name: h["measured_data"][name][()].astype(np.float32) for name in h["measured_data"] if name in "uvp"}


def main():
    program, scenario, data = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        out = {form: pathlib.Path(folder) / form for form in ("realpdebench_arrow", "netcdf_cf", "realpdebench_hdf5")}
        source = data
        for form, path in out.items():
            subprocess.run([program, "data", "convert", scenario, "--data", source, "--to", form, "--out", path],
                           check=True, stdout=subprocess.DEVNULL)
            source = path  # each result is the next one's source
        count = 0
        for side in ("real", "numerical"):
            rows = datasets.load_from_disk(str(out["realpdebench_arrow"] / scenario / "hf_dataset" / side))
            by_id = {row["sim_id"]: row for row in rows}
            for file in sorted((data / scenario / side).glob("*.h5")):
                expected = fields_of(file)
                row = by_id[file.name]
                shape = row["shape_t"], row["shape_h"], row["shape_w"]
                written = fields_of(out["realpdebench_hdf5"] / scenario / side / file.name)
                with xarray.open_dataset(out["netcdf_cf"] / scenario / side / (file.stem + ".nc")) as nc:
                    assert nc.attrs["Conventions"] == "CF-1.8"
                    for name, values in expected.items():
                        assert nc[name].dims == ("time", "y", "x"), nc[name].dims
                        for got in (nc[name].values, written[name],
                                    np.frombuffer(row[name], np.float32).reshape(shape)):
                            assert got.dtype == np.float32 and np.array_equal(got, values), (side, file.name, name)
                            count += 1
        print(f"{count} fields equal: h5py {h5py.__version__}, datasets {datasets.__version__}, "
              f"xarray {xarray.__version__}")


if __name__ == "__main__":
    main()
