"""A dense layer with relu in NumPy. Kernels are [in, out]; float64 is welcome."""
import numpy as np
from write_case import write_case

random = np.random.default_rng(0)
x, kernel, bias, dY = (random.normal(size=shape) for shape in ((6, 7), (7, 4), (4,), (6, 4)))
y = np.maximum(x @ kernel + bias, 0)
dLinear = dY * (y > 0)
tensors = {"x": x, "kernel": kernel, "bias": bias, "dY": dY, "y": y}
tensors |= {"dX": dLinear @ kernel.T, "dKernel": x.T @ dLinear, "dBias": dLinear.sum(0)}
options = '{"units": 4, "activation": "relu"}'
write_case("dense.safetensors", tensors, {"kind": "layer", "layer": "dense", "options": options})
