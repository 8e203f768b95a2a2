"""Peer of the mwt cases of models_benchmark: multiwavelet operator in the usual PyTorch idiom (rfftn, einsum per
corner, Conv3d, strided slices). Wavelet filter values do not matter for the time; orthogonal random ones are used."""

import torch
import torch.nn.functional as F
from peer_timing import run, shapes
from torch import nn


class FourierKernel(nn.Module):
    def __init__(self, width, alpha):
        super().__init__()
        self.alpha = alpha
        for i in range(1, 5):
            weight = torch.randn(width, width, alpha, alpha, alpha, dtype=torch.cfloat) / (width * alpha**3) ** 0.5
            self.register_parameter(f"weights{i}", nn.Parameter(weight))
        self.Lo = nn.Linear(width, width)

    def forward(self, v):
        shape = v.shape
        x = v.flatten(-2).permute(0, 4, 1, 2, 3)
        nx, ny, t = x.shape[-3:]
        l1, l2, m = min(self.alpha, nx // 2 + 1), min(self.alpha, ny // 2 + 1), self.alpha
        spectrum = torch.fft.rfftn(x, dim=(-3, -2, -1))
        out = torch.zeros_like(spectrum)
        corners = [
            (slice(None, l1), slice(None, l2)),
            (slice(-l1, None), slice(None, l2)),
            (slice(None, l1), slice(-l2, None)),
            (slice(-l1, None), slice(-l2, None)),
        ]
        for i, (a, b) in enumerate(corners, start=1):
            weight = getattr(self, f"weights{i}")[:, :, :l1, :l2, :]
            out[:, :, a, b, :m] = torch.einsum("bixyz,ioxyz->boxyz", spectrum[:, :, a, b, :m], weight)
        x = torch.fft.irfftn(out, s=(nx, ny, t), dim=(-3, -2, -1))
        return self.Lo(F.relu(x).permute(0, 2, 3, 4, 1)).view(shape)


class LocalKernel(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv3d(width, width, 3, 1, 1), nn.ReLU(inplace=True))
        self.Lo = nn.Linear(width, width)

    def forward(self, v):
        shape = v.shape
        x = self.conv(v.flatten(-2).permute(0, 4, 1, 2, 3))
        return self.Lo(x.permute(0, 2, 3, 4, 1)).view(shape)


class Block(nn.Module):
    def __init__(self, k, alpha, c, wide):
        super().__init__()
        width, k2 = c * k * k, k * k
        self.wide, self.c, self.k2 = wide, c, k2
        self.A, self.B, self.C = FourierKernel(width, alpha), LocalKernel(width), LocalKernel(width)
        self.T0 = nn.Linear(width * wide, width)
        for name, rows in [("ec_s", 4), ("ec_d", 4), ("rc_ee", 2), ("rc_eo", 2), ("rc_oe", 2), ("rc_oo", 2)]:
            self.register_buffer(name, nn.init.orthogonal_(torch.empty(rows * k2, k2)))

    def forward(self, x):
        b, nx, ny, t, c, k2 = x.shape
        details, averages = [], []
        while x.shape[1] > 1:
            groups = torch.cat(
                [x[:, ::2, ::2], x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]], dim=-1)
            d, x = groups @ self.ec_d, groups @ self.ec_s
            details.append(self.A(d) + self.B(x))
            averages.append(self.C(d))
        x = self.T0(x.reshape(b, 1, 1, t, -1)).view(b, 1, 1, t, c, k2)
        while details:
            x = torch.cat((x + averages.pop(), details.pop()), dim=-1)
            fine = x.new_zeros(b, x.shape[1] * 2, x.shape[2] * 2, t, c, k2)
            fine[:, ::2, ::2] = x @ self.rc_ee
            fine[:, ::2, 1::2] = x @ self.rc_eo
            fine[:, 1::2, ::2] = x @ self.rc_oe
            fine[:, 1::2, 1::2] = x @ self.rc_oo
            x = fine
        return x


class Mwt(nn.Module):
    def __init__(self, case):
        super().__init__()
        k, alpha, c = case["k"], case["alpha"], case["c"]
        (_, h, w, channels_in), channels_out = case["shape_in"], case["shape_out"][3]
        self.c, self.k2 = c, k * k
        self.Lk = nn.Linear(channels_in, c * k * k)
        self.MWT_CZ = nn.ModuleList(Block(k, alpha, c, w // h) for _ in range(case["nCZ"]))
        self.Lc0 = nn.Linear(c * k * k, 128)
        self.Lc1 = nn.Linear(128, channels_out)

    def forward(self, x):
        x = x.permute(0, 2, 3, 1, 4)
        x = self.Lk(x).unflatten(-1, (self.c, self.k2))
        for i, block in enumerate(self.MWT_CZ):
            x = block(x)
            if i < len(self.MWT_CZ) - 1:
                x = F.relu(x)
        x = self.Lc1(F.relu(self.Lc0(x.flatten(-2))))
        return x.permute(0, 3, 1, 2, 4).contiguous()


CASES = {
    "cylinder": shapes(1, (20, 64, 128, 3), k=3, alpha=5, c=4, nCZ=4),
    "tiny": shapes(4, (10, 32, 64, 3), k=2, alpha=3, c=2, nCZ=2),
}

if __name__ == "__main__":
    run("mwt", CASES, Mwt)
