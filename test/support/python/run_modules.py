"""Loads exported modules as their users would, in three lines, and keeps what they predict.

    python3 run_modules.py FOLDER pytorch|keras|stand-in NAME…

FOLDER/NAME.py is the module, FOLDER/NAME.x.npy the input, [N, H, W, C]; the prediction goes to FOLDER/NAME.<kind>.npy. The stand-in is the keras beside this file.
"""
import importlib
import os
import sys

import numpy

folder, kind, *names = sys.argv[1:]
# The script's own folder, where the stand-in is, comes first otherwise.
sys.path[:1] = [folder] + ([os.path.dirname(os.path.abspath(__file__))] if kind == "stand-in" else [])
sys.dont_write_bytecode = True
for name in names:
    x = numpy.load(os.path.join(folder, name + ".x.npy"))
    load = importlib.import_module(name).load
    net = load()
    if kind == "pytorch":
        import torch

        turned = torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if x.ndim == 4 else x)
        with torch.no_grad():
            y = net(turned).numpy()
    else:
        y = net.predict(x)
    numpy.save(os.path.join(folder, name + "." + kind + ".npy"), numpy.ascontiguousarray(y, dtype="float32"))
