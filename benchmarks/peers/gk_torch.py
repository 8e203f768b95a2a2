"""Peer of the gk_transformer cases of models_benchmark: Galerkin transformer in the usual PyTorch idiom (three
linears, a LayerNorm per head, matmuls, rfftn with einsum per corner, Conv3d, BatchNorm3d)."""

import torch
import torch.nn.functional as F
from peer_timing import run, shapes
from torch import nn

PADDING = 6


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, d = heads, width // heads
        self.linears = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.norm_K = nn.ModuleList(nn.LayerNorm(d, eps=1e-7) for _ in range(heads))
        self.norm_V = nn.ModuleList(nn.LayerNorm(d, eps=1e-7) for _ in range(heads))

    def forward(self, x):
        b, n, width = x.shape
        q, k, v = (linear(x).view(b, n, self.heads, -1).transpose(1, 2) for linear in self.linears)
        k = torch.stack([norm(k[:, i]) for i, norm in enumerate(self.norm_K)], dim=1)
        v = torch.stack([norm(v[:, i]) for i, norm in enumerate(self.norm_V)], dim=1)
        scores = F.dropout(k.transpose(-2, -1) @ v / n)
        return (q @ scores).transpose(1, 2).reshape(b, n, width)


class EncoderLayer(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.attn = Attention(width, heads)
        self.lr1, self.lr2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.dropout = nn.Dropout(0.05)

    def forward(self, x):
        x = x + self.dropout(self.attn(x))
        return x + self.dropout(self.lr2(self.dropout(F.relu(self.lr1(x)))))


class SpectralConv(nn.Module):
    def __init__(self, width, modes):
        super().__init__()
        self.modes = modes
        for i in range(1, 5):
            weight = torch.rand(width, width, *modes, dtype=torch.cfloat) / (width * width)
            self.register_parameter(f"weights{i}", nn.Parameter(weight))

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
        for i, (a, b) in enumerate(corners, start=1):
            weight = getattr(self, f"weights{i}")
            out[:, :, a, b, :m3] = torch.einsum("bixyz,ioxyz->boxyz", spectrum[:, :, a, b, :m3], weight)
        return torch.fft.irfftn(out, s=v.shape[-3:], dim=(-3, -2, -1))


class GalerkinTransformer(nn.Module):
    def __init__(self, case):
        super().__init__()
        width, d = case["width"], case["freq_dim"]
        self.downscaler = nn.Linear(case["shape_in"][3], width)
        self.encoder = EncoderLayer(width, case["heads"], case["hidden"])
        self.fc = nn.Linear(width + 3, d)
        self.spectral = SpectralConv(d, case["modes"])
        self.conv = nn.Conv3d(d, d, 1)
        self.bn = nn.BatchNorm3d(d)
        self.regressor1, self.regressor2 = nn.Linear(d, 128), nn.Linear(128, case["shape_out"][3])

    def forward(self, x):
        b, t, h, w, _ = x.shape
        x = self.downscaler(x)
        x = self.encoder(x.flatten(1, 3)).view(b, t, h, w, -1)
        axes = [torch.linspace(0, 1, n) for n in (t, h, w)]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        x = self.fc(torch.cat((x, grid.expand(b, -1, -1, -1, -1)), dim=-1)).permute(0, 4, 1, 2, 3)
        x = F.pad(x, [0, PADDING] * 3)
        x = self.bn(self.spectral(x) + self.conv(x))
        x = x[..., :-PADDING, :-PADDING, :-PADDING].permute(0, 2, 3, 4, 1)
        return self.regressor2(F.silu(self.regressor1(x)))


CASES = {
    "cylinder": shapes(1, (20, 64, 128, 3), width=256, heads=4, hidden=256, freq_dim=128, modes=(4, 16, 20)),
    "tiny": shapes(4, (10, 32, 64, 3), width=24, heads=3, hidden=24, freq_dim=12, modes=(3, 6, 6)),
}

if __name__ == "__main__":
    run("gk_transformer", CASES, GalerkinTransformer)
