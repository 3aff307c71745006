"""Times a model of PyTorch on the CPU, for BenchmarkModels.

Usage: models.py MODEL PATH THREADS, where PATH is eager, or frozen for what
torch.jit.optimize_for_inference makes of the traced model. It prints the
version when the model is warm, then for each line N of its input the least
number of seconds of N runs at batch 1.
"""

import sys
import time

import torch
import torchvision
from torch import nn


class BertLayer(nn.Module):
    def __init__(self, dim, heads, mlp):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.up, self.down = nn.Linear(dim, mlp), nn.Linear(mlp, dim)

    def split(self, x):
        return x.view(x.shape[0], self.heads, -1).transpose(0, 1)

    def forward(self, x):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, dim=-1)
        y = (scores @ v).transpose(0, 1).reshape(x.shape)
        x = self.norm1(x + self.out(y))
        return self.norm2(x + self.down(nn.functional.gelu(self.up(x))))


class MiniLM(nn.Module):
    """The encoder from embedded tokens to the normalised mean."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(*(BertLayer(384, 12, 1536) for _ in range(6)))

    def forward(self, tokens):
        return nn.functional.normalize(self.layers(tokens).mean(0, keepdim=True))


MODELS = {
    "ResNet18": (torchvision.models.resnet18, (1, 3, 224, 224)),
    "ViTB16": (torchvision.models.vit_b_16, (1, 3, 224, 224)),
    "MiniLM": (MiniLM, (14, 384)),
}


def main():
    name, path, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    build, shape = MODELS[name]
    torch.manual_seed(0)
    model, x = build().eval(), torch.randn(shape)
    with torch.inference_mode(path == "eager"), torch.no_grad():
        if path == "frozen":
            model = torch.jit.optimize_for_inference(torch.jit.trace(model, x))
        for _ in range(5):
            model(x)
        print(torch.__version__, flush=True)
        for line in sys.stdin:
            best = float("inf")
            for _ in range(int(line)):
                start = time.perf_counter()
                model(x)
                best = min(best, time.perf_counter() - start)
            print(best, flush=True)


main()
