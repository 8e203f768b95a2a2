"""Peer of the transformer cases of tokenizers_benchmark: the token transformer as its papers describe it, in plain PyTorch
(eager). Decoding keeps a key/value cache of the whole window, attends over all of it behind a mask, and repeats keys and
values for the query heads; --careful reads only the filled part and leaves the repetition to
scaled_dot_product_attention. Sampling sorts the vocabulary. Prints one JSON line per case: {"case", "seconds"}.
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {
    "toy": dict(layers=2, dim=64, heads=4, kv=2, hidden=96, vocabulary=512),
    "2m": dict(layers=4, dim=192, heads=6, kv=2, hidden=512, vocabulary=1000),
    "28m": dict(layers=8, dim=512, heads=8, kv=4, hidden=1408, vocabulary=4375),
}
CASES = {"toy_1024": ("toy", 1024), "2m_1024": ("2m", 1024), "28m_1024": ("28m", 1024), "28m_4096": ("28m", 4096)}
STEPS = 16


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def tables(width, frames, height, columns):
    space = 2 * (width // 6)
    time_width = width - 2 * space

    def angles(n, d):
        return torch.outer(torch.arange(n).float(), 1 / 500000 ** (torch.arange(0, d, 2).float() / d))

    t = angles(frames, time_width)[:, None, None].expand(-1, height, columns, -1)
    h = angles(height, space)[None, :, None].expand(frames, -1, columns, -1)
    w = angles(columns, space)[None, None].expand(frames, height, -1, -1)
    a = torch.cat([t, h, w], -1).flatten(0, 2)
    a = torch.cat([a, a], -1)
    return a.cos()[None, :, None], a.sin()[None, :, None]


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


class Attention(nn.Module):
    def __init__(self, dim, heads, kv):
        super().__init__()
        self.heads, self.kv, self.width = heads, kv, dim // heads
        self.wq = nn.Linear(dim, dim, bias=False)
        self.wk = nn.Linear(dim, kv * self.width, bias=False)
        self.wv = nn.Linear(dim, kv * self.width, bias=False)
        self.wo = nn.Linear(dim, dim, bias=False)
        self.q_norm, self.k_norm = RMSNorm(self.width), RMSNorm(self.width)
        self.cache = None

    def forward(self, x, cos, sin, start, mask, careful):
        b, n, _ = x.shape
        q = rotate(self.q_norm(self.wq(x).view(b, n, self.heads, self.width)), cos, sin)
        k = rotate(self.k_norm(self.wk(x).view(b, n, self.kv, self.width)), cos, sin)
        v = self.wv(x).view(b, n, self.kv, self.width)
        if self.cache is not None:
            self.cache[0][:b, start : start + n] = k
            self.cache[1][:b, start : start + n] = v
            k, v = (c[:b, : start + n] if careful else c[:b] for c in self.cache)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        if careful:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=n > 1, enable_gqa=True)
        else:
            k, v = (t.repeat_interleave(self.heads // self.kv, 1) for t in (k, v))
            scores = q @ k.transpose(2, 3) / self.width**0.5 + mask
            y = torch.softmax(scores, -1) @ v
        return self.wo(y.transpose(1, 2).reshape(b, n, -1))


class Block(nn.Module):
    def __init__(self, dim, heads, kv, hidden):
        super().__init__()
        self.attention_norm, self.ffn_norm = RMSNorm(dim), RMSNorm(dim)
        self.attention = Attention(dim, heads, kv)
        self.w1, self.w3 = nn.Linear(dim, hidden, bias=False), nn.Linear(dim, hidden, bias=False)
        self.w2 = nn.Linear(hidden, dim, bias=False)

    def forward(self, x, *rest):
        x = x + self.attention(self.attention_norm(x), *rest)
        h = self.ffn_norm(x)
        return x + self.w2(F.silu(self.w1(h)) * self.w3(h))


class Transformer(nn.Module):
    def __init__(self, positions, careful, layers, dim, heads, kv, hidden, vocabulary):
        super().__init__()
        self.careful, self.positions = careful, positions
        self.tok_embeddings = nn.Embedding(vocabulary, dim)
        self.layers = nn.ModuleList(Block(dim, heads, kv, hidden) for _ in range(layers))
        self.norm, self.output = RMSNorm(dim), nn.Linear(dim, vocabulary, bias=False)
        self.cos, self.sin = tables(dim // heads, 4, positions // 64, 16)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def open_cache(self, batch):
        for layer in self.layers:
            shape = (batch, self.positions, layer.attention.kv, layer.attention.width)
            layer.attention.cache = torch.zeros(shape), torch.zeros(shape)

    def forward(self, tokens, start=0):
        n = tokens.shape[1]
        length = self.positions if self.layers[0].attention.cache is not None else n
        mask = torch.full((n, length), float("-inf")).triu(start + 1) if not self.careful else None
        x = self.tok_embeddings(tokens)
        for layer in self.layers:
            x = layer(x, self.cos[:, start : start + n], self.sin[:, start : start + n], start, mask, self.careful)
        return self.output(self.norm(x))


def sample(logits, p=0.8):
    probabilities, order = torch.softmax(logits, -1).sort(descending=True)
    probabilities[probabilities.cumsum(-1) - probabilities > p] = 0
    probabilities /= probabilities.sum(-1, keepdim=True)
    choice = (probabilities / torch.empty_like(probabilities).exponential_()).argmax(-1, keepdim=True)
    return order.gather(-1, choice)


def best(action, repeats):
    action()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--kind", choices=["decode", "prefill", "update"], required=True)
    parser.add_argument("--case", choices=sorted(CASES), required=True)
    parser.add_argument("--careful", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    size, positions = CASES[arguments.case]
    vocabulary = SIZES[size]["vocabulary"]
    model = Transformer(positions, arguments.careful, **SIZES[size])

    if arguments.kind == "update":
        tokens = torch.randint(vocabulary, (1, positions))
        decayed = [p for p in model.parameters() if p.dim() > 1]
        others = [p for p in model.parameters() if p.dim() == 1]
        optimiser = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}], lr=5e-4)

        def action():
            optimiser.zero_grad()
            logits = model(tokens)
            F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
    else:
        model.open_cache(1)
        before = positions // 2 if arguments.kind == "prefill" else positions * 3 // 4
        prompt = torch.randint(vocabulary, (1, before))

        @torch.no_grad()
        def prefill():
            return model(prompt)[:, -1]

        @torch.no_grad()
        def decode():
            token = torch.randint(vocabulary, (1, 1))
            for i in range(STEPS):
                token = sample(model(token, before + i)[:, -1])

        prefill()
        action = prefill if arguments.kind == "prefill" else decode
    seconds = best(action, arguments.repeats)
    print(json.dumps({"case": f"transformer/{arguments.kind}/{arguments.case}", "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
