"""The two-tower network in TensorFlow, from and to a file of `feedloop weights` (docs/exchange.md)."""
import math

import tensorflow as tf
from safetensors.numpy import load_file, save_file


class Towers(tf.Module):
    """Logits of candidates and value of a state. Weights are [inputs, outputs], as a Keras Dense layer's kernel."""

    def __init__(self, tensors):
        super().__init__()
        own = {name: each for name, each in tensors.items() if name.startswith("weights/")}
        self.weights = {name: tf.Variable(each) for name, each in own.items()}

    def dense(self, layer, x):
        return tf.tensordot(x, self.weights[f"weights/{layer}/weights"], 1) + self.weights[f"weights/{layer}/bias"]

    def __call__(self, state, items):
        """state [batch, S], items [batch, candidates, I] -> logits [batch, candidates], value [batch]"""
        hidden = tf.nn.relu(self.dense("user/hidden", state))
        user = self.dense("user/embedding", hidden)
        item = self.dense("item/embedding", tf.nn.relu(self.dense("item/hidden", items)))
        logits = tf.reduce_sum(item * user[:, tf.newaxis], 2) / math.sqrt(user.shape[1])
        return logits, tf.squeeze(self.dense("value", hidden), 1)

    def save(self, file):
        save_file({name: each.numpy() for name, each in self.weights.items()}, file)


def load(file):
    return Towers(load_file(file))
