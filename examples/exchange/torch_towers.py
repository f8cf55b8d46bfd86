"""The two-tower network in PyTorch, from and to a file of `feedloop weights` (docs/exchange.md)."""
import json
import math

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file


class Towers(torch.nn.Module):
    """Logits of candidates and value of a state. Weights are [inputs, outputs], the transpose of torch.nn.Linear's."""

    def __init__(self, tensors, heads=1):
        super().__init__()
        self.heads = heads
        own = {name: each for name, each in tensors.items() if name.startswith("weights/")}
        self.weights = torch.nn.ParameterDict({name: torch.nn.Parameter(each) for name, each in own.items()})

    def dense(self, layer, x):
        return x @ self.weights[f"weights/{layer}/weights"] + self.weights[f"weights/{layer}/bias"]

    def forward(self, state, items):
        """state [batch, S], items [batch, candidates, I] -> logits [batch, candidates], value [batch]

        With several heads (slate-q) logits are [batch, candidates, heads].
        """
        hidden = torch.relu(self.dense("user/hidden", state))
        user = self.dense("user/embedding", hidden)
        item = self.dense("item/embedding", torch.relu(self.dense("item/hidden", items)))
        parts = (item * user.unsqueeze(1)).unflatten(2, (self.heads, -1))
        logits = parts.sum(3) / math.sqrt(parts.shape[3])
        return logits.squeeze(2) if self.heads == 1 else logits, self.dense("value", hidden).squeeze(1)

    def save(self, file):
        save_file({name: each.detach().contiguous() for name, each in self.weights.items()}, file)


def load(file):
    with safe_open(file, "pt") as opened:
        parameters = json.loads((opened.metadata() or {}).get("parameters", "{}"))
    return Towers(load_file(file), int(parameters.get("heads", 1)))
