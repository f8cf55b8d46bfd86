"""A Gymnasium environment in which the loop decides (docs/exchange.md):

    python3 gym_loop.py http://127.0.0.1:8080 CartPole-v1 --episodes 5

An observation is the numbers o0, o1 ... of the request's context, an action the item action-0, action-1 ..., a reward
an event `reward` with its value. Where the environment terminates, the person leaves; where it is truncated, nothing is
said, and the loop truncates the episode by itself. gymnasium and numpy, and the standard library for HTTP.
"""
import argparse
import json
import time
import urllib.error
import urllib.request
import uuid

import gymnasium
import numpy as np


def now():
    return int(time.time() * 1000)


class Loop:
    def __init__(self, url, actions, policy="default", timeout=10):
        self.url, self.policy, self.timeout = url, policy, timeout
        self.items = [f"action-{each}" for each in range(actions)]

    def call(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:  # the body says what is wrong
            raise RuntimeError(f"{path}: {error.read().decode()}") from None

    def publish(self, wait=30):
        """Makes the actions items, and waits until the loop can choose each of them."""
        self.call("/v1/items", {"items": [{"item_id": each, "text": each, "time_ms": 1} for each in self.items]})
        for item in self.items:
            for _ in range(wait * 10):
                if self.decide("probe", str(uuid.uuid4()), [], [item])["items"] == [item]:
                    break
                time.sleep(0.1)
            else:
                raise TimeoutError(f"{item} is not recommended after {wait} s")

    def decide(self, user, session, observation, items=None):
        context = {f"o{i}": float(each) for i, each in enumerate(np.ravel(observation))}
        asked = {"request_id": str(uuid.uuid4()), "user_id": user, "session_id": session, "policy": self.policy,
                 "slots": 1, "candidates": items or self.items, "context": context}
        return self.call("/v1/recommendations", asked)

    def tell(self, user, session, type, **fields):
        event = {"event_id": str(uuid.uuid4()), "user_id": user, "session_id": session, "type": type, "time_ms": now()}
        self.call("/v1/events", {"events": [{**event, **fields}]})

    def episode(self, environment, seed=None):
        """One episode, of a person of its own. Returns its undiscounted return."""
        user = session = str(uuid.uuid4())
        observation, _ = environment.reset(seed=seed)
        total, terminated, truncated = 0.0, False, False
        while not (terminated or truncated):
            decision = self.decide(user, session, observation)
            item = decision["items"][0]
            observation, reward, terminated, truncated, _ = environment.step(self.items.index(item))
            named = {"decision_id": decision["decision_id"], "item_id": item, "slate_hash": decision["slate_hash"]}
            self.tell(user, session, "reward", value=float(reward), **named)
            total += float(reward)
        if terminated:
            self.tell(user, session, "leave")
        return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("environment")
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    environment = gymnasium.make(given.environment)
    loop = Loop(given.url, int(environment.action_space.n))
    loop.publish()
    print(json.dumps([loop.episode(environment, given.seed + each) for each in range(given.episodes)]))
