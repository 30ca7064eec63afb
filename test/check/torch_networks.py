"""Writes network cases for `cbapd check` from PyTorch in float64: all six networks, by their own definitions.

    python3 test/check/torch_networks.py resnet18 out.safetensors --width 1/16 --images 2 --seeds 200

Of the seeds tried it keeps the one whose nearest kink is furthest away: the smallest |pre-activation| of a relu and the
smallest gap between a pooling window's two largest, both relative to the largest number of their tensor.
What has to be converted on the way from PyTorch is marked with "conversion".
"""
import argparse
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[2] / "docs/check"))
from write_case import write_case  # noqa: E402


class Net:
    """Layers as Keras numbers them. Tensors are NCHW inside; weights lie in `self.weights` in Keras' layout."""

    def __init__(self, weights, draw):
        self.weights, self.draw = weights, draw
        self.counts, self.moving, self.margin = {}, {}, float("inf")

    def name(self, kind):
        n = self.counts.get(kind, 0)
        self.counts[kind] = n + 1
        return f"{kind}_{n}" if n else kind

    def weight(self, name, shape, kind):
        if name not in self.weights:
            self.weights[name] = self.draw(shape, kind)
        return self.weights[name]

    def pad(self, x, k, s, value):
        # conversion: TensorFlow's same padding, the odd one at the bottom and right; PyTorch would pad both sides alike
        sides = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // s) - 1) * s + k - size, 0)
            sides += [total // 2, total - total // 2]
        return F.pad(x, sides, value=value)

    def conv(self, x, filters, k, s=1, same=True, bias=True, activation=None):
        name = self.name("conv2d")
        kernel = self.weight(f"{name}/kernel", (k, k, x.shape[1], filters), "kernel")
        b = self.weight(f"{name}/bias", (filters,), "bias") if bias else None
        x = self.pad(x, k, s, 0.0) if same else x
        return self.act(F.conv2d(x, kernel.permute(3, 2, 0, 1).contiguous(), b, s), activation)  # conversion: HWIO to OIHW

    def bn(self, x):
        name = self.name("batch_normalization")
        gamma, beta, mean, var = (
            self.weight(f"{name}/{p}", (x.shape[1],), p) for p in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        m, v = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        # conversion: Keras' momentum 0.99 (PyTorch's 0.01), and the biased variance in the moving one too
        self.moving[f"{name}/moving_mean"] = (0.99 * mean + 0.01 * m).detach()
        self.moving[f"{name}/moving_variance"] = (0.99 * var + 0.01 * v).detach()
        column = lambda t: t[None, :, None, None]
        return column(gamma) * (x - column(m)) / torch.sqrt(column(v) + 1e-3) + column(beta)

    def act(self, x, activation):
        if activation == "relu":
            self.near(x.abs().min(), x)
            return torch.relu(x)
        return torch.sigmoid(x) if activation == "sigmoid" else x

    def pool(self, x, k, s, same=False):
        x = self.pad(x, k, s, -float("inf")) if same else x  # conversion: padding never wins
        windows = x.unfold(2, k, s).unfold(3, k, s).flatten(4)
        top = windows.topk(2, -1)[0]
        gaps = (top[..., 0] - top[..., 1])[top[..., 0] != 0]  # ties at 0 come from relu, whose slope there is 0
        self.near(gaps.min(), x[torch.isfinite(x)])
        return F.max_pool2d(x, k, s)

    def near(self, distance, x):
        self.margin = min(self.margin, (distance / x.abs().max()).item())

    def flatten(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)  # conversion: Keras flattens NHWC

    def dense(self, x, units, activation=None):
        name = self.name("dense")
        kernel = self.weight(f"{name}/kernel", (x.shape[1], units), "kernel")  # conversion: [in, out], PyTorch's transposed
        return self.act(x @ kernel + self.weight(f"{name}/bias", (units,), "bias"), activation)


def baseline(n, x, w):
    x = n.pool(n.act(n.bn(n.conv(x, w(6), 5)), "relu"), 2, 2, True)
    return n.dense(n.dense(n.flatten(x), w(128), "relu"), 10)


def lenet5(n, x, w):
    for filters in (6, 16):
        x = n.pool(n.conv(x, w(filters), 5, same=False, activation="sigmoid"), 2, 2)
    return n.dense(n.dense(n.dense(n.flatten(x), w(120), "sigmoid"), w(84), "sigmoid"), 10)


def alexnet8(n, x, w):
    for filters in (96, 256):
        x = n.pool(n.act(n.bn(n.conv(x, w(filters), 3, same=False)), "relu"), 3, 2)
    for filters in (384, 384, 256):
        x = n.conv(x, w(filters), 3, activation="relu")
    x = n.flatten(n.pool(x, 3, 2))
    return n.dense(n.dense(n.dense(x, w(2048), "relu"), w(2048), "relu"), 10)


def vgg16(n, x, w):
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            x = n.act(n.bn(n.conv(x, w(filters), 3)), "relu")
        x = n.pool(x, 2, 2, True)
    return n.dense(n.dense(n.dense(n.flatten(x), w(512), "relu"), w(512), "relu"), 10)


def inception10(n, x, w):
    cbr = lambda x, filters, k, s: n.act(n.bn(n.conv(x, w(filters), k, s)), "relu")
    x = cbr(x, 16, 3, 1)
    for filters, s in ((16, 2), (16, 1), (32, 2), (32, 1)):
        one = cbr(x, filters, 1, s)
        three = cbr(cbr(x, filters, 1, s), filters, 3, 1)
        five = cbr(cbr(x, filters, 1, s), filters, 5, 1)
        x = torch.cat([one, three, five, cbr(n.pool(x, 3, 1, True), filters, 1, s)], 1)
    return n.dense(x.mean((2, 3)), 10)


def resnet18(n, x, w):
    cb = lambda x, filters, k, s: n.bn(n.conv(x, w(filters), k, s, bias=False))
    x = n.act(cb(x, 64, 3, 1), "relu")
    for filters in (64, 128, 256, 512):
        for first in (True, False):
            s = 2 if first and filters > 64 else 1
            y = cb(n.act(cb(x, filters, 3, s), "relu"), filters, 3, 1)
            x = n.act(y + (cb(x, filters, 1, s) if s == 2 else x), "relu")
    return n.dense(x.mean((2, 3)), 10)


NETWORKS = {f.__name__: f for f in (baseline, lenet5, alexnet8, vgg16, inception10, resnet18)}
L2 = {"resnet18": 0.01}


def drawer(generator):
    """Glorot-uniform kernels; everything else random too, so that nothing hides behind a zero. Exact in float32."""

    def draw(shape, kind):
        u = torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1
        if kind == "kernel":
            window = int(np.prod(shape[:-2]))
            u = u * (6 / (window * (shape[-2] + shape[-1]))) ** 0.5
        elif kind in ("gamma", "moving_variance"):
            u = 1 + 0.3 * u
        else:
            u = 0.1 * u
        return u.float().double()

    return draw


def run(network, x, y, weights, width, generator=None):
    """One forward pass: the net (margin, moving statistics), logits and loss."""
    net = Net(weights, drawer(generator))
    w = lambda count: max(1, int(count * width))
    logits = NETWORKS[network](net, x.permute(0, 3, 1, 2), w)  # conversion: NHWC to NCHW
    loss = F.cross_entropy(logits, y)
    if network in L2:
        loss = loss + L2[network] * (weights["dense/kernel"] ** 2).sum()
    return net, logits, loss


def start(network, width, images, seed, size=32):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand((images, size, size, 3), generator=generator).double()
    y = torch.randint(10, (images,), generator=generator)
    weights = {}
    with torch.no_grad():
        net, _, _ = run(network, x, y, weights, width, generator)
    return net.margin, x, y, weights


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("path")
    parser.add_argument("--width", default="1")
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--size", type=int, default=32, help="height and width of the images")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64", help="of the expected tensors")
    given = parser.parse_args()
    width = float(Fraction(given.width))
    torch.set_num_threads(1)
    best = max(range(given.seeds), key=lambda seed: start(given.network, width, given.images, seed, given.size)[0])
    margin, x, y, weights = start(given.network, width, given.images, best, given.size)

    tensors = {"x": x.numpy().astype("float32"), "y": y.numpy().astype("int32")}
    tensors.update({f"weights/{name}": value.numpy().astype("float32") for name, value in weights.items()})
    expected = {}
    trainable = [name for name in weights if "/moving_" not in name]
    m = {name: torch.zeros_like(weights[name]) for name in trainable}
    v = {name: torch.zeros_like(weights[name]) for name in trainable}
    margins = []
    for t in range(1, max(given.steps, 1) + 1):
        x.requires_grad_()
        for name in trainable:
            weights[name].requires_grad_()
        net, logits, loss = run(given.network, x, y, weights, width)
        margins.append(net.margin)
        gradients = dict(zip(["x", *trainable], torch.autograd.grad(loss, [x, *(weights[n] for n in trainable)])))
        if t == 1:
            expected.update(logits=logits, probabilities=torch.softmax(logits, 1), loss=loss)
            expected.update({f"gradients/{name}": g for name, g in gradients.items()})
        if t > given.steps:
            break
        rate = 0.001 * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        with torch.no_grad():
            for name in trainable:
                m[name] += (gradients[name] - m[name]) * 0.1
                v[name] += (gradients[name] ** 2 - v[name]) * 0.001
                # conversion: Keras' epsilon, outside the bias correction
                weights[name] = weights[name].detach() - rate * m[name] / (torch.sqrt(v[name]) + 1e-7)
            weights.update(net.moving)
        expected.update({f"after/{t}/{name}": value for name, value in weights.items()})
    tensors.update({name: value.detach().numpy().astype(given.dtype) for name, value in expected.items()})
    metadata = {"kind": "network", "network": given.network, "dropout": "off", "statistics": "batch"}
    if given.width != "1":
        metadata["width"] = given.width
    write_case(given.path, tensors, metadata)
    print(given.network, given.width, f"seed {best}, margins", *(f"{value:.1e}" for value in margins))


if __name__ == "__main__":
    main()
