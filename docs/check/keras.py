"""A batch normalisation from Keras (TensorFlow). Layouts, names and defaults are the same as ours: nothing to convert."""
import keras
import tensorflow as tf
from write_case import write_case

layer = keras.layers.BatchNormalization()
x, dY = tf.random.normal((4, 6, 6, 3)), tf.random.normal((4, 6, 6, 3))
layer.build(x.shape)
tensors = {"x": x, "dY": dY} | {weight.name: weight.numpy() for weight in layer.weights}  # before they move
with tf.GradientTape() as tape:
    tape.watch(x)
    y = layer(x, training=True)
dX, dGamma, dBeta = tape.gradient(y, [x, layer.gamma, layer.beta], output_gradients=dY)
tensors |= {"y": y, "dX": dX, "dGamma": dGamma, "dBeta": dBeta}
tensors |= {f"after/{name}": getattr(layer, name).numpy() for name in ("moving_mean", "moving_variance")}
write_case("batch_normalization.safetensors", tensors, {"kind": "layer", "layer": "batchNormalization"})
