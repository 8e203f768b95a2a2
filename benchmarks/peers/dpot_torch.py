"""Peer of the dpot cases of models_benchmark: DPOT in the usual PyTorch idiom (Conv2d patches, einsum over time,
rfft2 with einsum per block, Conv2d 1x1, ConvTranspose2d, Fourier resizing by rfft2)."""

import torch
import torch.nn.functional as F
from peer_timing import run, shapes
from torch import nn


def resize(x, size):
    """(B,X,Y,T,C) -> (B,*size,T,C)"""
    n, m = x.shape[1:3]
    a, b = size
    if (n, m) == (a, b):
        return x
    f = torch.fft.rfft2(x, dim=(1, 2))
    z = f.new_zeros(x.shape[0], a, b // 2 + 1, *x.shape[3:])
    top, bottom, columns = min((n + 1) // 2, (a + 1) // 2), min(n // 2, a // 2), min(m // 2 + 1, b // 2 + 1)
    z[:, :top, :columns] = f[:, :top, :columns]
    z[:, a - bottom :, :columns] = f[:, n - bottom :, :columns]
    return torch.fft.irfft2(z, s=(a, b), dim=(1, 2)) * (a / n) * (b / m)


class Afno(nn.Module):
    def __init__(self, width, blocks, modes):
        super().__init__()
        self.blocks, self.modes, size = blocks, modes, width // blocks
        scale = 1 / size**2
        self.w1 = nn.Parameter(scale * torch.rand(2, blocks, size, size))
        self.b1 = nn.Parameter(scale * torch.rand(2, blocks, size))
        self.w2 = nn.Parameter(scale * torch.rand(2, blocks, size, size))
        self.b2 = nn.Parameter(scale * torch.rand(2, blocks, size))

    def forward(self, x):
        b, c, h, w = x.shape
        bias, x = x, x.permute(0, 2, 3, 1)
        f = torch.fft.rfft2(x, dim=(1, 2), norm="ortho").reshape(b, h, w // 2 + 1, self.blocks, -1)
        m = self.modes
        re, im = f[:, :m, :m].real, f[:, :m, :m].imag

        def layer(re, im, w, b):
            product = lambda u, v: torch.einsum("...bi,bio->...bo", u, v)
            return (product(re, w[0]) - product(im, w[1]) + b[0], product(im, w[0]) + product(re, w[1]) + b[1])

        re, im = layer(re, im, self.w1, self.b1)
        re, im = layer(F.gelu(re), F.gelu(im), self.w2, self.b2)
        out = torch.zeros_like(f)
        out[:, :m, :m] = torch.complex(re, im)
        x = torch.fft.irfft2(out.reshape(b, h, w // 2 + 1, c), s=(h, w), dim=(1, 2), norm="ortho")
        return x.permute(0, 3, 1, 2) + bias


class Block(nn.Module):
    def __init__(self, width, blocks, modes, ratio):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.filter = Afno(width, blocks, modes)
        self.mlp = nn.Sequential(nn.Conv2d(width, width * ratio, 1), nn.GELU(), nn.Conv2d(width * ratio, width, 1))

    def forward(self, x):
        return x + self.mlp(self.norm2(self.filter(self.norm1(x))))


class Dpot(nn.Module):
    def __init__(self, case):
        super().__init__()
        s, p, e, o, t = case["side"], case["patch"], case["width"], case["out_width"], case["shape_in"][0]
        self.side, self.channels, self.wanted = s, max(4, case["shape_in"][3]), case["shape_out"][3]
        hidden = self.channels * p + 3
        self.patch_embed = nn.Sequential(
            nn.Conv2d(self.channels + 3, hidden, p, p), nn.GELU(), nn.Conv2d(hidden, e, 1))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, e, s // p, s // p))
        self.w = nn.Parameter(torch.randn(t, e, e) / (t * e**0.5))
        self.gamma = nn.Parameter(2 ** torch.linspace(-10, 10, e).unsqueeze(0))
        self.blocks = nn.ModuleList(
            Block(e, case["blocks"], case["modes"], case["ratio"]) for _ in range(case["depth"]))
        self.out_layer = nn.Sequential(
            nn.ConvTranspose2d(e, o, p, p), nn.GELU(), nn.Conv2d(o, o, 1), nn.GELU(),
            nn.Conv2d(o, self.channels * t, 1))

    def forward(self, x):
        b, t, h, w, c = x.shape
        x = resize(x.permute(0, 2, 3, 1, 4), (self.side, self.side))
        x = torch.cat((x, x.new_ones(*x.shape[:4], self.channels - c)), dim=-1)
        axes = [torch.linspace(0, 1, n) for n in (self.side, self.side, t)]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        x = torch.cat((x, grid.expand(b, -1, -1, -1, -1)), dim=-1)
        x = x.permute(0, 3, 4, 1, 2).reshape(b * t, -1, self.side, self.side)
        x = self.patch_embed(x) + self.pos_embed
        x = x.view(b, t, *x.shape[1:]).permute(0, 3, 4, 1, 2)
        phase = torch.cos(torch.linspace(0, 1, t).unsqueeze(1) * self.gamma)
        x = torch.einsum("tij,bxyti->bxyj", self.w, x * phase).permute(0, 3, 1, 2)
        for block in self.blocks:
            x = block(x)
        x = self.out_layer(x).permute(0, 2, 3, 1).reshape(b, self.side, self.side, t, -1)
        return resize(x, (h, w))[..., : self.wanted].permute(0, 3, 1, 2, 4).contiguous()


SMALL = dict(side=128, patch=8, width=1024, depth=6, blocks=8, modes=32, ratio=1, out_width=32)
CASES = {
    "cylinder": shapes(1, (20, 64, 128, 3), **SMALL),
    "cylinder_b4": shapes(4, (20, 64, 128, 3), **SMALL),
    "tiny": shapes(4, (10, 32, 64, 3), side=32, patch=4, width=64, depth=2, blocks=4, modes=32, ratio=1, out_width=16),
}

if __name__ == "__main__":
    run("dpot_s", CASES, Dpot)
