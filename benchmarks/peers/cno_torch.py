"""Peer of the cno cases of models_benchmark: the convolutional network at full resolution, in the usual PyTorch idiom
(channels-first nn.Conv3d, nn.BatchNorm3d, torch.cat)."""

import torch

from peer_timing import run, shapes
from torch import nn


def conv(a, b):
    return nn.Conv3d(a, b, 3, padding=1)


def block(a, b):
    return nn.Sequential(conv(a, b), nn.BatchNorm3d(b), nn.LeakyReLU(0.2))


def lift(a, latent, b):
    return nn.Sequential(conv(a, latent), nn.LeakyReLU(0.2), conv(latent, b))


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.first, self.second = block(c, c), nn.Sequential(conv(c, c), nn.BatchNorm3d(c))

    def forward(self, x):
        return x + self.second(self.first(x))


class Cno(nn.Module):
    def __init__(self, case):
        super().__init__()
        n, m, latent = case["layers"], case["multiplier"], case["latent"]
        enc = [m // 2] + [2**i * m for i in range(n)]
        into = [enc[n]] + [2 * enc[n - i] for i in range(1, n)]
        out = [enc[n - 1 - i] for i in range(n)]
        self.lift = lift(case["shape_in"][3], latent, enc[0])
        self.project = lift(2 * enc[0], latent, case["shape_out"][3])
        self.encoder = nn.ModuleList(block(enc[i], enc[i + 1]) for i in range(n))
        self.expand = nn.ModuleList(block(c, c) for c in enc)
        self.decoder = nn.ModuleList(block(into[i], out[i]) for i in range(n))
        self.invariant = nn.ModuleList(block(c, c) for c in into)
        self.residual = nn.ModuleList(nn.Sequential(*(Residual(enc[i]) for _ in range(case["res"]))) for i in range(n))
        self.neck = nn.Sequential(*(Residual(enc[n]) for _ in range(case["neck"])))

    def forward(self, x):
        v, skips, n = self.lift(x.permute(0, 4, 1, 2, 3)), [], len(self.encoder)
        for residual, encoder in zip(self.residual, self.encoder):
            skips.append(residual(v))
            v = encoder(v)
        v = self.neck(v)
        for i in range(n):
            v = self.expand[n](v) if i == 0 else torch.cat([v, self.expand[n - i](skips[n - i])], 1)
            v = self.decoder[i](self.invariant[i](v))
        v = self.project(torch.cat([v, self.expand[0](skips[0])], 1))
        return v.permute(0, 2, 3, 4, 1)


CASES = {
    "cylinder": shapes(1, (20, 64, 128, 3), layers=3, multiplier=32, latent=64, res=1, neck=6),
    "tiny": shapes(4, (10, 32, 64, 3), layers=1, multiplier=8, latent=8, res=1, neck=1),
}

if __name__ == "__main__":
    run("cno", CASES, Cno)
