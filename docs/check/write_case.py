"""Writes a safetensors file without any package but NumPy: write_case(path, tensors, metadata)."""
import json
import struct

import numpy as np

TYPES = {"float32": "F32", "float64": "F64", "int32": "I32", "int64": "I64"}


def write_case(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, array in tensors.items():
        array = np.asarray(array)
        start, data = len(data), data + array.tobytes()  # tobytes() is row-major whatever the array's own order
        header[name] = {"dtype": TYPES[str(array.dtype)], "shape": array.shape, "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
