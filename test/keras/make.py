"""Writes sequential.json and functional.json with Keras 3.15.1: KERAS_BACKEND=jax python make.py"""
import pathlib

import keras
from keras import layers as L

here = pathlib.Path(__file__).parent

small = keras.Sequential(
    [
        keras.Input((8, 8, 3)),
        L.Conv2D(
            4,
            3,
            padding="same",
            strides=2,
            kernel_regularizer=keras.regularizers.L2(0.01),
            use_bias=False,
        ),
        L.BatchNormalization(),
        L.ReLU(),
        L.MaxPooling2D(),
        L.Dropout(0.2),
        L.Flatten(),
        L.Dense(5, activation="softmax"),
    ],
    name="small",
)
small.layers[0].trainable = False
(here / "sequential.json").write_text(small.to_json())

inputs = keras.Input((8, 8, 3))
a = L.Conv2D(4, 3, padding="same", kernel_initializer="he_uniform")(inputs)
b = L.Conv2D(4, 1, padding="same", activation="relu")(inputs)
x = L.Activation("relu")(L.Add()([a, b]))
x = L.AveragePooling2D(2, padding="same")(L.Concatenate()([x, a]))
outputs = L.Dense(3, activation="softmax")(L.GlobalAveragePooling2D()(x))
(here / "functional.json").write_text(keras.Model(inputs, outputs, name="branched").to_json())
