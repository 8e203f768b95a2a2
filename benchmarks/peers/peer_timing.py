"""Timing loop shared by the peers of models_benchmark: forward pass in evaluation mode and one training update
(forward, backward, torch.optim.Adam). Prints one JSON line per case: {"case", "seconds", "peak_mib"}.

The allocator is set from outside, for both sides alike:
  MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=17179869184 python mwt_torch.py --threads 2
"""

import argparse
import json
import resource
import time

import torch
import torch.nn.functional as F


def best(action, repeats):
    action()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def report(case, seconds):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"case": case, "seconds": seconds, "peak_mib": peak}), flush=True)


def run(model_name, cases, build):
    """cases: name -> dict with batch, shape_in, shape_out (T,H,W,C) and the model's settings; build(case) -> model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--case", action="append", choices=sorted(cases))
    parser.add_argument("--forward-only", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    for name in arguments.case or sorted(cases):
        case = cases[name]
        model = build(case)
        x = torch.randn(case["batch"], *case["shape_in"])
        y = torch.randn(case["batch"], *case["shape_out"])

        def forward():
            with torch.no_grad():
                model(x)

        model.eval()
        report(f"{model_name}/forward/{name}", best(forward, arguments.repeats))
        if arguments.forward_only:
            continue
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)

        def update():
            optimiser.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimiser.step()

        model.train()
        report(f"{model_name}/update/{name}", best(update, arguments.repeats))


def shapes(batch, shape_in, shape_out=None, **settings):
    return {"batch": batch, "shape_in": shape_in, "shape_out": shape_out or shape_in, **settings}
