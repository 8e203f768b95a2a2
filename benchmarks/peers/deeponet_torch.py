"""Peer of the deeponet cases of models_benchmark: convolutional branch, coordinate trunk, output network, in the usual
PyTorch idiom (nn.Sequential, the product of branch and trunk materialised)."""

import torch

from peer_timing import run, shapes
from torch import nn


def stage(a, b, pool):
    return nn.Sequential(nn.Conv3d(a, b, 3, padding=1), nn.BatchNorm3d(b), nn.ReLU(), pool)


class DeepONet(nn.Module):
    def __init__(self, case):
        super().__init__()
        p, c, hidden = case["p"], [case["shape_in"][3], *case["conv"]], case["trunk"]
        pools = [nn.MaxPool3d(2), nn.MaxPool3d(2), nn.MaxPool3d(2), nn.AdaptiveAvgPool3d((1, 4, 4))]
        self.branch = nn.Sequential(
            *(stage(c[i], c[i + 1], pools[i]) for i in range(4)), nn.Flatten(),
            nn.Linear(16 * c[4], case["fc"]), nn.ReLU(), nn.Dropout(case["dropout"]), nn.Linear(case["fc"], p))
        self.trunk = nn.Sequential(
            nn.Linear(3, hidden[0]), nn.ReLU(), nn.Linear(hidden[0], hidden[1]), nn.ReLU(), nn.Linear(hidden[1], p))
        a, b = case["output"]
        self.output = nn.Sequential(
            nn.Linear(p, a), nn.ReLU(), nn.Dropout(case["dropout"]), nn.Linear(a, b), nn.ReLU(),
            nn.Dropout(case["dropout"]), nn.Linear(b, case["shape_out"][3]))
        self.frames = case["shape_out"][0]

    def forward(self, x):
        axes = [torch.linspace(0, 1, n) for n in (self.frames, x.shape[2], x.shape[3])]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).view(-1, 3)
        b = self.branch(x.permute(0, 4, 1, 2, 3))
        z = b.unsqueeze(1) * self.trunk(points).unsqueeze(0)
        return self.output(z).view(x.shape[0], self.frames, x.shape[2], x.shape[3], -1)


CASES = {
    "cylinder": shapes(1, (20, 64, 128, 3), p=128, dropout=0.1, conv=(32, 64, 128, 256), fc=512, trunk=(64, 128),
                       output=(512, 128)),
    "tiny": shapes(4, (10, 32, 64, 3), p=32, dropout=0.0, conv=(8, 16, 16, 32), fc=64, trunk=(32, 32), output=(48, 24)),
}

if __name__ == "__main__":
    run("deeponet", CASES, DeepONet)
