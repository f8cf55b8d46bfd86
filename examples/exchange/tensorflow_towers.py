"""The two-tower network in TensorFlow, from and to a file of `feedloop weights` (docs/exchange.md)."""
import json
import math

import tensorflow as tf
from safetensors import safe_open
from safetensors.numpy import load_file, save_file


class Towers(tf.Module):
    """Logits of candidates and value of a state. Weights are [inputs, outputs], as a Keras Dense layer's kernel."""

    def __init__(self, tensors, heads=1):
        super().__init__()
        self.heads = heads
        own = {name: each for name, each in tensors.items() if name.startswith("weights/")}
        self.weights = {name: tf.Variable(each) for name, each in own.items()}

    def dense(self, layer, x):
        return tf.tensordot(x, self.weights[f"weights/{layer}/weights"], 1) + self.weights[f"weights/{layer}/bias"]

    def __call__(self, state, items):
        """state [batch, S], items [batch, candidates, I] -> logits [batch, candidates], value [batch]

        With several heads (slate-q) logits are [batch, candidates, heads].
        """
        hidden = tf.nn.relu(self.dense("user/hidden", state))
        user = self.dense("user/embedding", hidden)
        item = self.dense("item/embedding", tf.nn.relu(self.dense("item/hidden", items)))
        products = item * user[:, tf.newaxis]
        size = products.shape[2] // self.heads
        logits = tf.reduce_sum(tf.reshape(products, [*products.shape[:2], self.heads, size]), 3) / math.sqrt(size)
        return tf.squeeze(logits, 2) if self.heads == 1 else logits, tf.squeeze(self.dense("value", hidden), 1)

    def save(self, file):
        save_file({name: each.numpy() for name, each in self.weights.items()}, file)


def load(file):
    with safe_open(file, "np") as opened:
        parameters = json.loads((opened.metadata() or {}).get("parameters", "{}"))
    return Towers(load_file(file), int(parameters.get("heads", 1)))
