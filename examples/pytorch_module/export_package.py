#!/usr/bin/env python3
"""Compile a PyTorch module for Windtunnel with AOTInductor and check it: python export_package.py [FOLDER].

Writes residual_conv_compiled.pt2 beside residual_conv_compiled.yaml. Needs torch 2.13 and g++. The package runs on
every x86-64 processor and holds no path of this machine; leave OPTIONS and tidy() out for native speed at home.
"""
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

import torch
from export import ResidualConv
from torch.export import Dim

OPTIONS = {"cpp.march": "x86-64", "cpp.simdlen": 1}  # no instruction that only this processor has


def tidy(package: Path) -> None:
    """Strip the library inside, drop the generated sources, blank the paths of this machine."""
    with zipfile.ZipFile(package) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name, content in files.items():
        if name.endswith(".cpp"):
            files[name] = b""
        if name.endswith(".so"):
            with tempfile.NamedTemporaryFile(suffix=".so") as library:
                Path(library.name).write_bytes(content)
                subprocess.run(["strip", "--strip-all", library.name], check=True)
                content = Path(library.name).read_bytes()
            for place in (sysconfig.get_paths()["purelib"], tempfile.gettempdir()):
                content = content.replace(place.encode(), b"." * len(place.encode()))
            files[name] = content
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    package = folder / "residual_conv_compiled.pt2"
    torch.manual_seed(0)
    model = ResidualConv().eval()

    # Axes that may change must be named, with the range the description repeats (max_batch).
    x = torch.randn(2, 3, 6, 16, 24)
    free = {0: Dim("batch", min=1, max=64), 2: Dim("time", min=2, max=64), 3: Dim("rows", min=4, max=1024),
            4: Dim("columns", min=4, max=1024)}
    program = torch.export.export(model, (x,), dynamic_shapes=(free,))
    torch._inductor.aoti_compile_and_package(program, package_path=str(package), inductor_configs=OPTIONS)
    tidy(package)

    # The check: what was saved gives the same numbers, whatever the batch and the grid.
    again = torch._inductor.aoti_load_package(str(package))
    for shape in ((2, 3, 6, 16, 24), (1, 3, 4, 12, 20), (5, 3, 10, 32, 64)):
        y = torch.randn(shape)
        with torch.no_grad():
            error = (again(y) - model(y)).abs().max().item()
        assert error < 1e-5, (shape, error)
    print(f"{package}: {package.stat().st_size} bytes, checked")


if __name__ == "__main__":
    main()
