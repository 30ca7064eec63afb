"""PyTorch's part in `cbapd bench peers`: the protocol is that of contender.ts.

Tuned as far as is known: oneDNN, the thread count asked for, Adam without foreach, channels_last where it is faster; the
environment (allocator, huge pages, AVX-512) is set by who starts this. Batches lie ready as float32 tensors: gathering and
scaling images, which cbapd does in every step, costs PyTorch nothing here.
"""
import json
import resource
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

CHANNELS_LAST = ("lenet5", "inception10", "alexnet8")


class Same(nn.Module):
    """TensorFlow's padding at stride 2: the odd one at the bottom and right."""

    def __init__(self, k, s, size):
        super().__init__()
        total = max((-(-size // s) - 1) * s + k - size, 0)
        self.sides = [total // 2, total - total // 2] * 2

    def forward(self, x):
        return F.pad(x, self.sides)


def conv(c, f, k, s=1, same=True, bias=True, size=32):
    symmetric = same and s == 1
    layer = nn.Conv2d(c, f, k, s, padding=k // 2 if symmetric else 0, bias=bias)
    return [Same(k, s, size), layer] if same and s > 1 and k > s else [layer]


def bn(c):
    return nn.BatchNorm2d(c, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    """Of Inception10."""

    def __init__(self, c, f, s):
        super().__init__()
        cbr = lambda c, k, s: nn.Sequential(*conv(c, f, k, s), bn(f), nn.ReLU(inplace=True))
        self.one = cbr(c, 1, s)
        self.three = nn.Sequential(cbr(c, 1, s), cbr(f, 3, 1))
        self.five = nn.Sequential(cbr(c, 1, s), cbr(f, 5, 1))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), cbr(c, 1, s))

    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)


class Residual(nn.Module):
    """Of ResNet18."""

    def __init__(self, c, f, s, size):
        super().__init__()
        self.body = nn.Sequential(
            *conv(c, f, 3, s, bias=False, size=size), bn(f), nn.ReLU(inplace=True), *conv(f, f, 3, bias=False), bn(f)
        )
        self.shortcut = nn.Sequential(*conv(c, f, 1, s, bias=False), bn(f)) if s > 1 else nn.Identity()

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x), inplace=True)


class Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def baseline():
    return nn.Sequential(
        *conv(3, 6, 5), bn(6), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(0.2), nn.Flatten(),
        nn.Linear(1536, 128), nn.ReLU(inplace=True), nn.Dropout(0.2), nn.Linear(128, 10),
    )


def lenet5():
    return nn.Sequential(
        *conv(3, 6, 5, same=False), nn.Sigmoid(), nn.MaxPool2d(2), *conv(6, 16, 5, same=False), nn.Sigmoid(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10),
    )


def alexnet8():
    relu = nn.ReLU(inplace=True)
    return nn.Sequential(
        *conv(3, 96, 3, same=False), bn(96), relu, nn.MaxPool2d(3, 2), *conv(96, 256, 3, same=False), bn(256), relu,
        nn.MaxPool2d(3, 2), *conv(256, 384, 3), relu, *conv(384, 384, 3), relu, *conv(384, 256, 3), relu, nn.MaxPool2d(3, 2),
        nn.Flatten(), nn.Linear(1024, 2048), relu, nn.Dropout(0.5), nn.Linear(2048, 2048), relu, nn.Dropout(0.5),
        nn.Linear(2048, 10),
    )


def vgg16():
    layers, c = [], 3
    for f, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [*conv(c, f, 3), bn(f), nn.ReLU(inplace=True)]
            c = f
        layers += [nn.MaxPool2d(2), nn.Dropout(0.2)]
    layers += [nn.Flatten()]
    for _ in range(2):
        layers += [nn.Linear(512, 512), nn.ReLU(inplace=True), nn.Dropout(0.2)]
    return nn.Sequential(*layers, nn.Linear(512, 10))


def inception10():
    blocks, c = [], 16
    for f, s in ((16, 2), (16, 1), (32, 2), (32, 1)):
        blocks.append(Block(c, f, s))
        c = 4 * f
    return nn.Sequential(*conv(3, 16, 3), bn(16), nn.ReLU(inplace=True), *blocks, Mean(), nn.Linear(c, 10))


def resnet18():
    blocks, c, size = [], 64, 32
    for f in (64, 128, 256, 512):
        for first in (True, False):
            s = 2 if first and f > 64 else 1
            blocks.append(Residual(c, f, s, size))
            c, size = f, size // s
    return nn.Sequential(*conv(3, 64, 3, bias=False), bn(64), nn.ReLU(inplace=True), *blocks, Mean(), nn.Linear(512, 10))


NETWORKS = {build.__name__: build for build in (baseline, lenet5, alexnet8, vgg16, inception10, resnet18)}


def number(name):
    """conv2d is the first, conv2d_1 the second."""
    last = name.rsplit("_", 1)[-1]
    return int(last) if last.isdigit() else 0


def load(net, weights, path):
    """Our weights, in our order and layout. The two lists meet kind by kind: both number layers in order of creation."""
    values = np.fromfile(path, dtype="float32")
    taken, at = {}, 0
    for entry in weights:
        size = int(np.prod(entry["shape"]))
        layer, parameter = entry["name"].split("/")
        taken.setdefault(layer, {})[parameter] = torch.from_numpy(values[at : at + size].reshape(entry["shape"]))
        at += size
    assert at == len(values), "the file of weights has another size"
    kinds = {nn.Conv2d: "conv2d", nn.BatchNorm2d: "batch_normalization", nn.Linear: "dense"}
    ours = {kind: [taken[name] for name in sorted(taken, key=number) if name == kind or name.startswith(f"{kind}_")] for kind in kinds.values()}
    channels = None
    flat = any(isinstance(module, nn.Flatten) for module in net.modules())
    with torch.no_grad():
        for module in net.modules():
            kind = kinds.get(type(module))
            if kind is None:
                continue
            given = ours[kind].pop(0)
            if kind == "conv2d":
                module.weight.copy_(given["kernel"].permute(3, 2, 0, 1))  # HWIO to OIHW
                channels = module.out_channels
            elif kind == "dense":
                kernel = given["kernel"]
                if flat:  # Keras flattens NHWC, PyTorch NCHW
                    kernel = kernel.reshape(-1, channels, kernel.shape[1]).permute(1, 0, 2).reshape(kernel.shape)
                    flat = False
                module.weight.copy_(kernel.t())
            else:
                module.weight.copy_(given["gamma"])
                module.running_mean.copy_(given["moving_mean"])
                module.running_var.copy_(given["moving_variance"])
            if module.bias is not None:
                module.bias.copy_(given["beta" if kind == "batch_normalization" else "bias"])
    assert not any(ours.values()), "some weights have no place"


def version():
    """Of PyTorch; with a remark where its dense layers run on netlib's BLAS, which Debian installs with it, three times slower than OpenBLAS."""
    try:
        with open("/proc/self/maps") as maps:
            libraries = maps.read()
    except OSError:
        return torch.__version__
    reference = "/blas/libblas.so" in libraries and "openblas" not in libraries
    return f"{torch.__version__}, slow BLAS" if reference else torch.__version__


def main():
    given = json.loads(sys.argv[1])
    torch.set_num_threads(given["workers"])
    net = NETWORKS[given["network"]]()
    load(net, given["weights"], given["weightsPath"])
    form = torch.channels_last if given["network"] in CHANNELS_LAST else torch.contiguous_format
    net = net.to(memory_format=form)
    images = torch.from_numpy(np.fromfile(given["imagesPath"], dtype="float32").reshape(given["shown"], 32, 32, 3))
    images = images.permute(0, 3, 1, 2)
    batch = given["batchSize"]
    x = images.repeat(-(-batch // given["shown"]), 1, 1, 1)[:batch].contiguous(memory_format=form)
    y = torch.arange(batch) % 10
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001, betas=(0.9, 0.999), eps=1e-7, foreach=False)
    net.eval()
    with torch.no_grad():
        probabilities = torch.softmax(net(images.contiguous(memory_format=form)), 1).flatten().tolist()
    last = [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
    penalised = given["network"] == "resnet18"

    def train():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(x), y)
        if penalised:
            loss = loss + 0.01 * (last.weight**2).sum()
        loss.backward()
        optimizer.step()

    def infer():
        with torch.inference_mode():
            torch.softmax(net(x), 1)

    training = given["mode"] == "training"
    net.train(training)
    step = train if training else infer

    def measure(ms):
        times, until = [], time.perf_counter() + ms / 1000
        while not times or time.perf_counter() < until:
            started = time.perf_counter()
            step()
            times.append(1000 * (time.perf_counter() - started))
        return times

    measure(given["warmUpMs"])
    say = lambda message: print(json.dumps(message), flush=True)
    say({"ready": {"version": version(), "probabilities": probabilities}})
    for line in sys.stdin:
        say({"stepMs": measure(json.loads(line)["measureMs"])})
    say({"peakRssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6})


main()
