"""ms a train step of the two towers in PyTorch on one thread: 96 -> 128 -> 64, 64 -> 128 -> 64, 20 candidates, value head, Adam."""
import json
import sys
import time

import torch

torch.set_num_threads(1)
torch.manual_seed(1)
size, steps = int(sys.argv[1]), int(sys.argv[2])
user = torch.nn.Sequential(torch.nn.Linear(96, 128), torch.nn.ReLU())
embed = torch.nn.Linear(128, 64)
value = torch.nn.Linear(128, 1)
item = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 64))
adam = torch.optim.Adam([p for m in (user, embed, value, item) for p in m.parameters()], lr=1e-3)
states, items = torch.randn(size, 96), torch.randn(size, 20, 64)
logit_gradient, value_gradient = torch.randn(size, 20), torch.randn(size)
times = []
for _ in range(steps):
    begun = time.perf_counter()
    adam.zero_grad()
    hidden = user(states)
    logits = (embed(hidden).unsqueeze(1) * item(items)).sum(2) / 8
    loss = (logits * logit_gradient).sum() + (value(hidden).squeeze(1) * value_gradient).sum()
    loss.backward()
    adam.step()
    times.append(1000 * (time.perf_counter() - begun))
print(json.dumps({"version": torch.__version__, "ms": sorted(times)[len(times) // 2]}))
