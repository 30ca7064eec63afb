"""Keras' layers, in inference."""
import math

import numpy


class Symbol:
    def __init__(self, shape, layer=None, parents=()):
        self.shape, self.layer, self.parents = tuple(shape), layer, parents


def Input(shape=None, batch_size=None, dtype=None, sparse=None, batch_shape=None, name=None, tensor=None):
    return Symbol(shape)


def activation(name):
    return {
        None: lambda x: x,
        "relu": lambda x: numpy.maximum(x, 0),
        "sigmoid": lambda x: 1 / (1 + numpy.exp(-x)),
        "tanh": numpy.tanh,
        "softmax": lambda x: numpy.exp(x - x.max(-1, keepdims=True))
        / numpy.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True),
    }[name]


class Layer:
    shapes = ()

    def __init__(self, name=None, trainable=True):
        self.name, self.trainable = name, trainable

    def __call__(self, inputs, **call):
        assert set(call) <= ({"training"} if isinstance(self, BatchNormalization) else set()), call
        joins = isinstance(inputs, list)
        assert joins == isinstance(self, (Add, Concatenate))
        parents = inputs if joins else [inputs]
        self.build([parent.shape for parent in parents])
        # The output's shape is what a batch of one zero gives.
        self.weights = [numpy.zeros(shape) for shape in self.shapes]
        zeros = [numpy.zeros((1,) + parent.shape) for parent in parents]
        return Symbol(self.call(zeros).shape[1:], self, parents)

    def build(self, shapes):
        pass

    def set_weights(self, weights):
        assert [weight.shape for weight in weights] == [tuple(shape) for shape in self.shapes], self.name
        self.weights = weights


class Conv2D(Layer):
    def __init__(self, filters, kernel_size, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1),
                 groups=1, activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
                 kernel_regularizer=None, bias_regularizer=None, name=None, trainable=True):
        super().__init__(name, trainable)
        self.filters, self.size, self.strides, self.padding = filters, kernel_size, strides, padding
        self.activation, self.use_bias = activation, use_bias

    def build(self, shapes):
        self.shapes = [(*self.size, shapes[0][-1], self.filters)] + [(self.filters,)] * self.use_bias

    def call(self, inputs):
        kernel = self.weights[0]
        y = numpy.stack([
            numpy.stack([numpy.tensordot(window, kernel, 3) for _, window in row], 1)
            for row in windows(inputs[0], self.size, self.strides, self.padding, 0)
        ], 1)
        return activation(self.activation)(y + self.weights[1] if self.use_bias else y)


class Dense(Layer):
    def __init__(self, units, activation=None, use_bias=True, kernel_initializer="glorot_uniform", bias_initializer="zeros",
                 kernel_regularizer=None, bias_regularizer=None, name=None, trainable=True):
        super().__init__(name, trainable)
        self.units, self.activation, self.use_bias = units, activation, use_bias

    def build(self, shapes):
        self.shapes = [(shapes[0][-1], self.units)] + [(self.units,)] * self.use_bias

    def call(self, inputs):
        y = inputs[0] @ self.weights[0]
        return activation(self.activation)(y + self.weights[1] if self.use_bias else y)


class BatchNormalization(Layer):
    def __init__(self, axis=-1, momentum=0.99, epsilon=0.001, center=True, scale=True, gamma_regularizer=None,
                 beta_regularizer=None, name=None, trainable=True):
        super().__init__(name, trainable)
        self.epsilon = epsilon

    def build(self, shapes):
        self.shapes = [(shapes[0][-1],)] * 4

    def call(self, inputs):
        gamma, beta, mean, variance = self.weights
        return (inputs[0] - mean) / numpy.sqrt(variance + self.epsilon) * gamma + beta


class Pooling(Layer):
    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None):
        super().__init__(name)
        self.size, self.strides, self.padding = pool_size, strides or pool_size, padding

    def call(self, inputs):
        x, sizes = inputs[0], (self.size, self.strides, self.padding)
        return numpy.stack([
            numpy.stack([self.pool(window, inside) for inside, window in row], 1)
            for row in windows(x, *sizes, self.fill)
        ], 1)


class MaxPooling2D(Pooling):
    fill = -math.inf

    def pool(self, window, inside):
        return window.max((1, 2))


class AveragePooling2D(Pooling):
    fill = 0

    def pool(self, window, inside):
        return window.sum((1, 2)) / inside


class GlobalAveragePooling2D(Layer):
    def call(self, inputs):
        return inputs[0].mean((1, 2))


class Activation(Layer):
    def __init__(self, activation, name=None):
        super().__init__(name)
        self.activation = activation

    def call(self, inputs):
        return activation(self.activation)(inputs[0])


class LeakyReLU(Layer):
    def __init__(self, negative_slope=0.3, name=None):
        super().__init__(name)
        self.negative_slope = negative_slope

    def call(self, inputs):
        x = inputs[0]
        return numpy.where(x < 0, self.negative_slope * x, x)


class Dropout(Layer):
    def __init__(self, rate, noise_shape=None, seed=None, name=None):
        super().__init__(name)

    def call(self, inputs):
        return inputs[0]


class Flatten(Layer):
    def call(self, inputs):
        return inputs[0].reshape(len(inputs[0]), -1)


class Add(Layer):
    def call(self, inputs):
        return sum(inputs[1:], inputs[0])


class Concatenate(Layer):
    def __init__(self, axis=-1, name=None):
        super().__init__(name)

    def call(self, inputs):
        return numpy.concatenate(inputs, -1)


def windows(x, size, strides, padding, fill):
    """By row and column: how many of a window's places lie within the image, and the window, [N, kh, kw, C]."""
    sizes, before = [], []
    for length, k, s in zip(x.shape[1:3], size, strides):
        out = math.ceil(length / s) if padding == "same" else (length - k) // s + 1
        total = max((out - 1) * s + k - length, 0) if padding == "same" else 0
        sizes.append(out)
        before.append(total // 2)
    pads = [(0, 0)] + [(b, k + s) for b, k, s in zip(before, size, strides)] + [(0, 0)]
    padded = numpy.pad(x, pads, constant_values=fill)
    inside = numpy.pad(numpy.ones(x.shape[1:3]), pads[1:3])
    for i in range(sizes[0]):
        rows = slice(i * strides[0], i * strides[0] + size[0])
        yield [
            (inside[rows, columns].sum(), padded[:, rows, columns])
            for columns in (slice(j * strides[1], j * strides[1] + size[1]) for j in range(sizes[1]))
        ]
