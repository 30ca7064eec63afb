"""Files that Keras itself wrote, for test/keras.files.test.ts to read: KERAS_BACKEND=numpy python3 write_keras_files.py FOLDER

Two small networks, each as .keras, as .weights.h5 and as the .h5 of Keras 2, with what Keras predicts for ten inputs in .npz. Weights are
drawn with a seed, moving statistics too, so that no layer can be left out unnoticed.
"""
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "numpy")
sys.path.pop(0)  # the folder of this script, which has a stand-in for Keras
import keras
import numpy
from keras import layers

FOLDER = sys.argv[1]


def chain():
    return keras.Sequential([
        keras.Input((9, 7, 2)),
        layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same", kernel_regularizer=keras.regularizers.L2(0.01)),
        layers.BatchNormalization(epsilon=0.01, momentum=0.9),
        layers.ReLU(),
        layers.MaxPooling2D(2, strides=1),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(6, activation="tanh", use_bias=False),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Dense(3, activation="softmax"),
    ], name="chain")


def branches():
    x = keras.Input((8, 6, 2), name="picture")
    a = layers.Conv2D(3, 3, padding="same", activation="relu", kernel_initializer="he_uniform")(x)
    b = layers.BatchNormalization(scale=False)(a)
    c = layers.AveragePooling2D(3, strides=1, padding="same")(b)
    d = layers.add([a, c])
    e = layers.concatenate([d, x, b])
    f = layers.Conv2D(4, 2, strides=2, activation="sigmoid", trainable=False)(e)
    y = layers.Dense(3)(layers.GlobalAveragePooling2D()(f))
    return keras.Model(x, layers.Softmax()(y), name="branches")


def lively(net, random):
    for weight in net.weights:
        if "seed" in weight.path:
            continue
        low, high = (0.5, 1.5) if weight.path.endswith(("variance", "gamma")) else (-0.6, 0.6)
        weight.assign(random.uniform(low, high, weight.shape).astype("float32"))


for build in (chain, branches):
    keras.utils.clear_session()
    net = build()
    random = numpy.random.default_rng(7)
    lively(net, random)
    path = os.path.join(FOLDER, net.name)
    net.save(path + ".keras")
    net.save_weights(path + ".weights.h5")
    net.save(path + ".h5")
    x = random.uniform(0, 1, (10,) + net.input_shape[1:]).astype("float32")
    with open(path + ".json", "w") as file:
        file.write(net.to_json() + "\n")
    numpy.savez_compressed(path + ".npz", x=x, y=net.predict(x, verbose=0))
print("Keras", keras.__version__)
