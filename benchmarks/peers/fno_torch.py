"""Peer of fno_benchmark: the Fourier neural operator in the usual PyTorch idiom (rfftn, einsum on the kept corners,
irfftn, Conv3d, BatchNorm3d, torch.optim.Adam)."""

import torch
import torch.nn.functional as F
from peer_timing import run, shapes
from torch import nn

PADDING = 6


class SpectralConv(nn.Module):
    def __init__(self, width, modes):
        super().__init__()
        self.modes = modes
        scale = 1 / (width * width)
        for k in range(1, 5):
            weight = scale * torch.rand(width, width, *modes, dtype=torch.cfloat)
            self.register_parameter(f"weights{k}", nn.Parameter(weight))

    def forward(self, v):
        m1, m2, m3 = self.modes
        spectrum = torch.fft.rfftn(v, dim=(-3, -2, -1))
        out = torch.zeros_like(spectrum)
        corners = [
            (slice(None, m1), slice(None, m2)),
            (slice(-m1, None), slice(None, m2)),
            (slice(None, m1), slice(-m2, None)),
            (slice(-m1, None), slice(-m2, None)),
        ]
        for k, (a, b) in enumerate(corners, start=1):
            weight = getattr(self, f"weights{k}")
            out[:, :, a, b, :m3] = torch.einsum("bixyz,ioxyz->boxyz", spectrum[:, :, a, b, :m3], weight)
        return torch.fft.irfftn(out, s=v.shape[-3:], dim=(-3, -2, -1))


class Fno(nn.Module):
    def __init__(self, modes, layers, width, channels_in, channels_out):
        super().__init__()
        self.fc0 = nn.Linear(channels_in + 3, width)
        self.spectral_convs = nn.ModuleList(SpectralConv(width, modes) for _ in range(layers))
        self.convs = nn.ModuleList(nn.Conv3d(width, width, 1) for _ in range(layers))
        self.bns = nn.ModuleList(nn.BatchNorm3d(width) for _ in range(layers))
        self.fc1 = nn.Linear(width, 128)
        self.fc2 = nn.Linear(128, channels_out)

    def forward(self, x):
        axes = [torch.linspace(0, 1, n) for n in x.shape[1:4]]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        x = torch.cat((x, grid.expand(x.shape[0], -1, -1, -1, -1)), dim=-1)
        v = self.fc0(x).permute(0, 4, 1, 2, 3)
        v = F.pad(v, [0, PADDING] * 3)
        last = len(self.convs) - 1
        for layer, (spectral, conv, bn) in enumerate(zip(self.spectral_convs, self.convs, self.bns)):
            v = bn(spectral(v) + conv(v))
            if layer != last:
                v = F.gelu(v)
        v = v[..., :-PADDING, :-PADDING, :-PADDING].permute(0, 2, 3, 4, 1)
        return self.fc2(F.gelu(self.fc1(v)))


CASES = {
    "cylinder": shapes(1, (20, 64, 128, 3), modes=(4, 12, 16), layers=4, width=64),
    "cylinder_b4": shapes(4, (20, 64, 128, 3), modes=(4, 12, 16), layers=4, width=64),
    "combustion": shapes(1, (20, 64, 64, 16), modes=(4, 16, 16), layers=4, width=64),
    "tiny": shapes(8, (10, 32, 64, 3), modes=(3, 6, 8), layers=2, width=12),
}

if __name__ == "__main__":
    run("fno", CASES, lambda c: Fno(c["modes"], c["layers"], c["width"], c["shape_in"][-1], c["shape_out"][-1]))
