"""Peer of the transolver cases of models_benchmark: Transolver on structured grids in the usual PyTorch idiom (two
Conv3d, softmax over slices, einsum, small attention, einsum back)."""

import torch
from peer_timing import run, shapes
from torch import nn


class PhysicsAttention(nn.Module):
    def __init__(self, width, heads, slices, dropout, grid):
        super().__init__()
        d = width // heads
        self.heads, self.grid, self.scale = heads, grid, d**-0.5
        self.temperature = nn.Parameter(torch.full((1, heads, 1, 1), 0.5))
        self.in_project_x = nn.Conv3d(width, width, 3, 1, 1)
        self.in_project_fx = nn.Conv3d(width, width, 3, 1, 1)
        self.in_project_slice = nn.Linear(d, slices)
        self.to_q, self.to_k, self.to_v = (nn.Linear(d, d, bias=False) for _ in range(3))
        self.to_out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        b, n, width = x.shape
        field = x.view(b, *self.grid, width).permute(0, 4, 1, 2, 3).contiguous()

        def heads(conv):
            y = conv(field).permute(0, 2, 3, 4, 1).contiguous()
            return y.view(b, n, self.heads, -1).permute(0, 2, 1, 3).contiguous()

        fx, xm = heads(self.in_project_fx), heads(self.in_project_x)
        weights = torch.softmax(self.in_project_slice(xm) / self.temperature.clamp(0.1, 5), dim=-1)
        norm = weights.sum(2)
        token = torch.einsum("bhnd,bhng->bhgd", fx, weights) / (norm + 1e-5).unsqueeze(-1)
        q, k, v = self.to_q(token), self.to_k(token), self.to_v(token)
        a = self.dropout(torch.softmax(q @ k.transpose(-1, -2) * self.scale, dim=-1))
        y = torch.einsum("bhgd,bhng->bhnd", a @ v, weights)
        return self.dropout(self.to_out(y.permute(0, 2, 1, 3).reshape(b, n, width)))


class Block(nn.Module):
    def __init__(self, case, grid, last):
        super().__init__()
        width = case["width"]
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.Attn = PhysicsAttention(width, case["heads"], case["slices"], case["dropout"], grid)
        self.mlp = nn.Sequential(
            nn.Linear(width, width * case["ratio"]), nn.GELU(), nn.Linear(width * case["ratio"], width))
        self.last = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, case["shape_out"][3])) if last else None

    def forward(self, f):
        f = self.Attn(self.ln_1(f)) + f
        f = self.mlp(self.ln_2(f)) + f
        return self.last(f) if self.last else f


class Transolver(nn.Module):
    def __init__(self, case):
        super().__init__()
        width = case["width"]
        self.preprocess = nn.Sequential(
            nn.Linear(case["shape_in"][3], 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.placeholder = nn.Parameter(torch.rand(width) / width)
        layers, grid = case["layers"], case["shape_in"][:3]
        self.blocks = nn.ModuleList(Block(case, grid, i == layers - 1) for i in range(layers))

    def forward(self, x):
        f = self.preprocess(x.flatten(1, 3)) + self.placeholder
        for block in self.blocks:
            f = block(f)
        return f.view(*x.shape[:4], -1)


CASES = {
    "cylinder": shapes(1, (20, 64, 128, 3), width=256, heads=8, slices=16, ratio=4, dropout=0.1, layers=1),
    "tiny": shapes(4, (10, 32, 64, 3), width=24, heads=3, slices=4, ratio=2, dropout=0.0, layers=1),
}

if __name__ == "__main__":
    run("transolver", CASES, Transolver)
