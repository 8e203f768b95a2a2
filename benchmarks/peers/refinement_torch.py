"""Peer of the refinement cases of tokenizers_benchmark: the ConvNeXt U-Net in the usual PyTorch idiom (channels first, a
permutation around the pointwise layers of each block). Prints one JSON line: {"case", "seconds"}."""

import argparse
import json

import torch
import torch.nn.functional as F
from token_transformer_torch import best
from torch import nn


class Block(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.dwconv = nn.Conv2d(w, w, 7, padding=3, groups=w)
        self.norm = nn.LayerNorm(w, eps=1e-6)
        self.pwconv1, self.pwconv2 = nn.Linear(w, 4 * w), nn.Linear(4 * w, w)
        self.gamma = nn.Parameter(1e-6 * torch.ones(w))

    def forward(self, x):
        h = self.dwconv(x).permute(0, 2, 3, 1)
        h = self.pwconv2(F.gelu(self.pwconv1(self.norm(h))))
        return x + (self.gamma * h).permute(0, 3, 1, 2)


class Resample(nn.Module):
    def __init__(self, width, up):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width, 1, 1))
        self.conv = nn.ConvTranspose2d(width, width // 2, 2, 2) if up else nn.Conv2d(width, 2 * width, 2, 2)

    def forward(self, x):
        return self.conv(F.normalize(x, dim=1, eps=1e-6) * self.weight)


class Unet(nn.Module):
    def __init__(self, dim_in, dim_out, f, stages=4, blocks=4, neck=1):
        super().__init__()

        def row(w, n):
            return nn.Sequential(*(Block(w) for _ in range(n)))

        self.in_proj, self.out_proj = nn.Conv2d(dim_in, f, 3, padding=1), nn.Conv2d(f, dim_out, 3, padding=1)
        self.position = nn.Sequential(nn.Linear(1, 2 * f), nn.GELU(), nn.Linear(2 * f, f))
        down = [f << i for i in range(stages)]
        up = [f << (stages - j) for j in range(stages)]
        self.down = nn.ModuleList(nn.Sequential(row(w, blocks), Resample(w, False)) for w in down)
        self.neck = row(f << stages, neck)
        self.up = nn.ModuleList(nn.Sequential(row(w, blocks), Resample(w, True)) for w in up)
        self.skip = nn.ModuleList([nn.Identity(), *(nn.Conv2d(2 * w, w, 1) for w in up[1:])])

    def forward(self, x, target):
        h = self.in_proj(x) + self.position((target.float()[:, None] - 5) / 7 * 3)[:, :, None, None]
        skips = []
        for stage in self.down:
            skips.append(h)
            h = stage(h)
        h = self.neck(h)
        for j, stage in enumerate(self.up):
            if j > 0:
                h = self.skip[j](torch.cat([h, skips[-j]], 1))
            h = stage(h)
        return self.out_proj(h)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--kind", choices=["forward", "update"], required=True)
    parser.add_argument("--case", choices=["64x64"], default="64x64")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = Unet(14, 2, 32)
    if arguments.kind == "forward":
        context, decoded = torch.randn(1, 2, 5, 64, 64), torch.randn(1, 2, 13, 64, 64)

        @torch.no_grad()
        def action():
            inputs = [torch.cat([context, decoded[:, :, s - 1 : s + 1]], 2).flatten(1, 2) for s in range(5, 13)]
            model(torch.cat(inputs), torch.arange(5, 13))
    else:
        x, target, y = torch.randn(4, 14, 64, 64), torch.randint(5, 13, (4,)), torch.randn(4, 2, 64, 64)
        optimiser = torch.optim.AdamW(model.parameters(), lr=5e-4, betas=(0.9, 0.95), weight_decay=1e-5)

        def action():
            optimiser.zero_grad()
            F.mse_loss(model(x, target), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimiser.step()

    print(json.dumps({"case": f"refinement/{arguments.kind}/64x64", "seconds": best(action, arguments.repeats)}), flush=True)


if __name__ == "__main__":
    main()
