"""Peer of the wdno cases of models_benchmark: diffusion over wavelet coefficients in the usual PyTorch idiom (strided
Conv3d as wavelet transform, DDIM loop). "forward" is one sample by DDIM, "update" one training update."""


import argparse

import torch
import torch.nn.functional as F
from peer_timing import best, report, shapes
from unet_torch import Unet3d


class Wdno(torch.nn.Module):
    """Haar wavelet; states (B,Cw,f,h,w)."""

    def __init__(self, dim, dim_mults, shape, samples, steps=1000):
        super().__init__()
        t, h, w, c = shape
        self.condition, self.channels, self.samples, self.steps = 8 * c, 16 * c, samples, steps
        self.size = (t // 2, h // 2, w // 2)
        factor = 2 ** len(dim_mults)
        self.grid = tuple(-(-n // factor) * factor for n in self.size)
        self.model = Unet3d(dim, dim_mults, self.channels, self.channels)
        s = 0.5**0.5
        lo, hi = torch.tensor([s, s]), torch.tensor([s, -s])
        bank = [torch.einsum("i,j,k->ijk", a, b, d) for a in (lo, hi) for b in (lo, hi) for d in (lo, hi)]
        self.register_buffer("filters", torch.stack(bank)[:, None])
        self.register_buffer("scale", torch.full((1, self.channels, 1, 1, 1), 4.0))
        u = torch.arange(steps + 1, dtype=torch.float64) / steps
        levels = (torch.tensor(3.0).sigmoid() - (6 * u - 3).sigmoid()) / (2 * torch.tensor(3.0).sigmoid() - 1)
        levels = levels / levels[0]
        self.register_buffer("alpha_bar", (1 - (1 - levels[1:] / levels[:-1]).clamp(0, 0.999)).cumprod(0).float())

    def analyse(self, x):
        b, c = x.shape[:2]
        return F.conv3d(x.reshape(b * c, 1, *x.shape[2:]), self.filters, stride=2).view(b, 8 * c, *self.size)

    def synthesise(self, z):
        b = z.shape[0]
        x = F.conv_transpose3d(z.reshape(-1, 8, *self.size), self.filters, stride=2)
        return x.view(b, -1, *x.shape[2:])

    def pad(self, z):
        return F.pad(z, [p for n, m in zip(self.size[::-1], self.grid[::-1]) for p in (0, m - n)])

    def impose(self, s, condition):
        s = torch.cat((condition, s[:, self.condition :]), dim=1)
        return self.pad(s[:, :, : self.size[0], : self.size[1], : self.size[2]])

    def loss(self, x, y):
        fields = torch.cat((x, y), dim=-1).permute(0, 4, 1, 2, 3)
        s0 = self.pad(self.analyse(fields) / self.scale)
        t = torch.randint(0, self.steps, (x.shape[0],))
        z = torch.randn_like(s0)
        a = self.alpha_bar[t].view(-1, 1, 1, 1, 1)
        s = self.impose(a.sqrt() * s0 + (1 - a).sqrt() * z, s0[:, : self.condition])
        target = self.impose(z, torch.zeros_like(z[:, : self.condition]))
        return F.mse_loss(self.model(s), target)

    @torch.no_grad()
    def forward(self, x):
        condition = self.pad(self.analyse(x.permute(0, 4, 1, 2, 3)) / self.scale[:, : self.condition])
        s = torch.randn(x.shape[0], self.channels, *self.grid)
        times = torch.linspace(-1, self.steps - 1, self.samples + 1).int().tolist()[::-1]
        for now, following in zip(times[:-1], times[1:]):
            s = self.impose(s, condition)
            a = self.alpha_bar[now]
            start = (s / a.sqrt() - (1 / a - 1).sqrt() * self.model(s)).clamp(-1, 1)
            noise = (s / a.sqrt() - start) / (1 / a - 1).sqrt()
            if following < 0:
                s = start
                break
            b = self.alpha_bar[following]
            sigma = ((1 - a / b) * (1 - b) / (1 - a)).sqrt()
            s = b.sqrt() * start + (1 - b - sigma**2).sqrt() * noise + sigma * torch.randn_like(s)
        s = (self.impose(s, condition) * self.scale)[:, self.condition :, : self.size[0], : self.size[1], : self.size[2]]
        return self.synthesise(s).permute(0, 2, 3, 4, 1)


CASES = {
    "cylinder": shapes(1, (20, 64, 128, 3), dim=256, dim_mults=(1, 2), samples=10),
    "small": shapes(2, (20, 64, 128, 3), dim=32, dim_mults=(1, 2), samples=10),
    "tiny": shapes(4, (10, 32, 64, 3), dim=16, dim_mults=(1, 2), samples=5),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--case", action="append", choices=sorted(CASES))
    parser.add_argument("--forward-only", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    for name in arguments.case or ["tiny"]:
        case = CASES[name]
        model = Wdno(case["dim"], case["dim_mults"], case["shape_in"], case["samples"])
        x, y = torch.randn(case["batch"], *case["shape_in"]), torch.randn(case["batch"], *case["shape_out"])
        report(f"wdno/forward/{name}", best(lambda: model(x), arguments.repeats))
        if arguments.forward_only:
            continue
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)

        def update():
            optimiser.zero_grad()
            model.loss(x, y).backward()
            optimiser.step()

        report(f"wdno/update/{name}", best(update, arguments.repeats))


if __name__ == "__main__":
    main()
