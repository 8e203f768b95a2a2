"""Peer of models_benchmark: the 3-D space-time U-Net in the usual PyTorch idiom (channels first, Conv3d, GroupNorm, SiLU,
einsum attentions with explicit head axes, LayerNorm over channels written out)."""

import math

import torch
import torch.nn.functional as F
from peer_timing import run, shapes
from torch import einsum, nn

HEADS, HEAD = 4, 32
INNER = HEADS * HEAD


class ChanNorm(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, c, 1, 1, 1))

    def forward(self, x):
        var = torch.var(x, dim=1, unbiased=False, keepdim=True)
        mean = torch.mean(x, dim=1, keepdim=True)
        return (x - mean) / (var + 1e-5).sqrt() * self.gamma


class PositionBias(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(32, HEADS)

    def forward(self, n):
        delta = torch.arange(n)[:, None] - torch.arange(n)[None, :]
        d = delta.abs()
        far = 8 + (torch.log(d.clamp(min=1).float() / 8) / math.log(4) * 8).long()
        bucket = torch.where(d < 8, d, far.clamp(max=15)) + 16 * (delta < 0).long()
        return self.table(bucket).permute(2, 0, 1)


def rotate(x, angles):
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()), dim=-1).flatten(-2)


class TemporalAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = ChanNorm(c)
        self.to_qkv = nn.Linear(c, 3 * INNER, bias=False)
        self.to_out = nn.Linear(INNER, c, bias=False)

    def forward(self, x, bias):
        b, c, f, h, w = x.shape
        y = self.norm(x).permute(0, 3, 4, 2, 1).reshape(b, h * w, f, c)
        q, k, v = (t.view(b, h * w, f, HEADS, HEAD).transpose(2, 3) for t in self.to_qkv(y).chunk(3, dim=-1))
        q = q * HEAD**-0.5
        if bias is not None:
            angles = torch.arange(f).float()[:, None] * 10000 ** (-torch.arange(0, HEAD, 2).float() / HEAD)
            q, k = rotate(q, angles), rotate(k, angles)
        s = einsum("bnhid,bnhjd->bnhij", q, k)
        if bias is not None:
            s = s + bias
        s = (s - s.amax(dim=-1, keepdim=True).detach()).softmax(dim=-1)
        out = einsum("bnhij,bnhjd->bnhid", s, v).transpose(2, 3).reshape(b, h * w, f, INNER)
        return self.to_out(out).view(b, h, w, f, c).permute(0, 4, 3, 1, 2) + x


class SpatialAttention(TemporalAttention):
    def forward(self, x):
        b, c, f, h, w = x.shape
        y = self.norm(x).permute(0, 2, 3, 4, 1).reshape(b, f, h * w, c)
        q, k, v = (t.view(b, f, h * w, HEADS, HEAD).transpose(2, 3) for t in self.to_qkv(y).chunk(3, dim=-1))
        s = einsum("bfhid,bfhjd->bfhij", q * HEAD**-0.5, k).softmax(dim=-1)
        out = einsum("bfhij,bfhjd->bfhid", s, v).transpose(2, 3).reshape(b, f, h * w, INNER)
        return self.to_out(out).view(b, f, h, w, c).permute(0, 4, 1, 2, 3) + x


class LinearAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = ChanNorm(c)
        self.to_qkv = nn.Conv2d(c, 3 * INNER, 1, bias=False)
        self.to_out = nn.Conv2d(INNER, c, 1)

    def forward(self, x):
        b, c, f, h, w = x.shape
        y = self.norm(x).transpose(1, 2).reshape(b * f, c, h, w)
        q, k, v = (t.reshape(b * f, HEADS, HEAD, h * w) for t in self.to_qkv(y).chunk(3, dim=1))
        q = q.softmax(dim=-2) * HEAD**-0.5
        k = k.softmax(dim=-1)
        context = einsum("bhdn,bhen->bhde", k, v)
        out = einsum("bhde,bhdn->bhen", context, q).reshape(b * f, INNER, h, w)
        return self.to_out(out).view(b, f, c, h, w).transpose(1, 2) + x


class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.proj = nn.Conv3d(i, o, 3, padding=1)
        self.norm = nn.GroupNorm(8, o)

    def forward(self, x, modulation=None):
        x = self.norm(self.proj(x))
        if modulation is not None:
            scale, shift = modulation
            x = x * (scale + 1) + shift
        return F.silu(x)


class ResBlock(nn.Module):
    def __init__(self, i, o, time=None):
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time, 2 * o)) if time else None
        self.block1, self.block2 = Block(i, o), Block(o, o)
        self.res_conv = nn.Conv3d(i, o, 1) if i != o else nn.Identity()

    def forward(self, x, t=None):
        modulation = self.mlp(t)[:, :, None, None, None].chunk(2, dim=1) if self.mlp else None
        return self.block2(self.block1(x, modulation)) + self.res_conv(x)


class Stage(nn.Module):
    def __init__(self, i, o, time, resample):
        super().__init__()
        self.block1, self.block2 = ResBlock(i, o, time), ResBlock(o, o, time)
        self.spatial, self.temporal = LinearAttention(o), TemporalAttention(o)
        self.resample = resample

    def forward(self, x, t, bias):
        return self.temporal(self.spatial(self.block2(self.block1(x, t), t)), bias)


class Unet3d(nn.Module):
    """(B,C,F,H,W) -> (B,C',F,H,W), diffusion time 0."""

    def __init__(self, dim, dim_mults, c_in, c_out):
        super().__init__()
        widths = [dim] + [dim * m for m in dim_mults]
        levels, time = len(dim_mults), 4 * dim
        self.bias = PositionBias()
        self.init_conv = nn.Conv3d(c_in, dim, 7, padding=3)
        self.init_attention = TemporalAttention(dim)
        self.register_buffer("waves", torch.cat((torch.zeros(dim // 2), torch.ones(dim // 2))))
        self.time = nn.Sequential(nn.Linear(dim, time), nn.GELU(), nn.Linear(time, time))
        down = lambda c: nn.Conv3d(c, c, (1, 4, 4), (1, 2, 2), (0, 1, 1))
        up = lambda c: nn.ConvTranspose3d(c, c, (1, 4, 4), (1, 2, 2), (0, 1, 1))
        self.downs = nn.ModuleList(
            Stage(widths[i], widths[i + 1], time, down(widths[i + 1]) if i < levels - 1 else nn.Identity())
            for i in range(levels)
        )
        top = widths[-1]
        self.mid1, self.mid2 = ResBlock(top, top, time), ResBlock(top, top, time)
        self.mid_spatial, self.mid_temporal = SpatialAttention(top), TemporalAttention(top)
        self.ups = nn.ModuleList(
            Stage(2 * widths[i + 1], widths[i], time, up(widths[i]) if i > 0 else nn.Identity())
            for i in reversed(range(levels))
        )
        self.final_block, self.final_conv = ResBlock(2 * dim, dim), nn.Conv3d(dim, c_out, 1)

    def forward(self, x):
        bias = self.bias(x.shape[2])
        t = self.time(self.waves.expand(x.shape[0], -1))
        x = self.init_attention(self.init_conv(x), bias)
        first, skips = x, []
        for stage in self.downs:
            x = stage(x, t, bias)
            skips.append(x)
            x = stage.resample(x)
        x = self.mid2(self.mid_temporal(self.mid_spatial(self.mid1(x, t)), bias), t)
        for stage in self.ups:
            x = stage.resample(stage(torch.cat((x, skips.pop()), dim=1), t, bias))
        return self.final_conv(self.final_block(torch.cat((x, first), dim=1)))


class Unet(Unet3d):
    """(B,T,H,W,C) -> (B,T,H,W,C')"""

    def forward(self, x):
        return super().forward(x.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)


CASES = {
    "cylinder": shapes(1, (20, 64, 128, 3), dim=64, dim_mults=(1, 2, 4)),
    "fsi": shapes(1, (20, 64, 64, 3), dim=64, dim_mults=(1, 2, 4)),
    "small": shapes(2, (20, 64, 128, 3), dim=16, dim_mults=(1, 2, 2)),
    "tiny": shapes(4, (10, 32, 64, 3), dim=8, dim_mults=(1, 2)),
}

if __name__ == "__main__":
    run("unet", CASES, lambda c: Unet(c["dim"], c["dim_mults"], c["shape_in"][-1], c["shape_out"][-1]))
