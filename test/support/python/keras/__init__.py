"""A stand-in for Keras, which is not on every machine: just enough to build an exported network and run it, in NumPy and in
loops that nobody could mistake. The constructors have Keras 3's parameter names, so an argument that Keras would refuse is refused
here; set_weights checks count and shapes, as Keras does. It proves the exported text, not Keras.
"""
import numpy

from . import layers, regularizers
from .layers import Input, Symbol

__all__ = ["Input", "Model", "layers", "regularizers"]


class Model:
    def __init__(self, inputs, outputs, name=None):
        assert isinstance(inputs, Symbol) and isinstance(outputs, Symbol)
        self.inputs, self.outputs, self.name = inputs, outputs, name

    def get_layer(self, name):
        found = [symbol.layer for symbol in _reached(self.outputs) if symbol.layer and symbol.layer.name == name]
        assert len(found) == 1, name
        return found[0]

    def predict(self, x):
        values = {}
        for symbol in _reached(self.outputs):
            if symbol.layer is None:
                assert symbol is self.inputs and x.shape[1:] == symbol.shape
                values[id(symbol)] = x.astype("float64")
            else:
                values[id(symbol)] = symbol.layer.call([values[id(each)] for each in symbol.parents])
                assert values[id(symbol)].shape[1:] == symbol.shape, (symbol.layer.name, symbol.shape)
        return values[id(self.outputs)]


def _reached(symbol, done=None):
    """Each symbol after those that it reads."""
    done = [] if done is None else done
    for parent in symbol.parents:
        _reached(parent, done)
    if not any(each is symbol for each in done):
        done.append(symbol)
    return done
