"""A convolution from PyTorch. Ours: NHWC pictures, HWIO kernels, TensorFlow's same padding."""
import json

import torch
import torch.nn.functional as F
from write_case import write_case

x = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)  # NCHW
kernel = torch.randn(5, 3, 3, 3, dtype=torch.float64, requires_grad=True)  # OIHW
bias = torch.randn(5, dtype=torch.float64, requires_grad=True)
y = F.conv2d(F.pad(x, (0, 1, 0, 1)), kernel, bias, stride=2)  # same padding of 1: the odd one right and bottom
dY = torch.randn_like(y)  # random: all ones would prove little
dX, dKernel, dBias = torch.autograd.grad(y, (x, kernel, bias), dY)
nhwc, hwio = (lambda t: t.detach().numpy().transpose(0, 2, 3, 1)), (lambda t: t.detach().numpy().transpose(2, 3, 1, 0))
tensors = {"x": nhwc(x), "kernel": hwio(kernel), "bias": bias.detach().numpy(), "dY": nhwc(dY)}
tensors |= {"y": nhwc(y), "dX": nhwc(dX), "dKernel": hwio(dKernel), "dBias": dBias.numpy()}
options = json.dumps({"filters": 5, "kernelSize": 3, "strides": 2, "padding": "same"})
write_case("conv2d.safetensors", tensors, {"kind": "layer", "layer": "conv2d", "options": options})
