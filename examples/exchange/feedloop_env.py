"""An environment of `feedloop environment serve NAME` as a Gymnasium environment (docs/exchange.md).

An action is an item, or a slate of items where the environment shows several: their indices in the catalogue. Of a
slate, an item counts once and what may not be shown (0 in info["action_mask"]) is left out.
"""
import json
import urllib.error
import urllib.request

import gymnasium
import numpy as np


class FeedloopEnv(gymnasium.Env):
    metadata = {"render_modes": []}

    def __init__(self, url="http://127.0.0.1:8090", timeout=10):
        self.url, self.timeout = url, timeout
        about = self._call("/v1/environment")
        self.items, self.slots = about["items"], about["slots"]
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (about["state_dimensions"],), np.float32)
        one = gymnasium.spaces.Discrete(len(self.items))
        self.action_space = one if self.slots == 1 else gymnasium.spaces.MultiDiscrete([len(self.items)] * self.slots)
        self.index = -1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None or self.index < 0:  # a world of its own, whose sessions follow one another
            self.world, self.index = int(self.np_random.integers(2**31)), -1
        begun = self._call("/v1/episodes", {"seed": self.world, "index": self.index + 1})
        self.episode, self.index = begun["episode"], begun["index"]
        return self._observed(begun)

    def step(self, action):
        chosen = dict.fromkeys(int(each) for each in np.atleast_1d(action))
        slate = [self.items[each] for each in chosen if self.slots == 1 or self.mask[each]]
        if not slate:  # a slate of nothing that may be shown: the first that may
            slate = [self.items[int(np.argmax(self.mask))]]
        told = self._call(f"/v1/episodes/{self.episode}/step", {"slate": slate})
        observation, info = self._observed(told)
        info["expected_reward"] = told["expected_reward"]
        return observation, float(told["reward"]), told["terminated"], told["truncated"], info

    def _observed(self, told):
        self.mask = np.array(told["mask"], dtype=np.int8)
        return np.array(told["state"], dtype=np.float32), {"action_mask": self.mask}

    def _call(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:  # the body says what is wrong
            raise RuntimeError(f"{path}: {error.read().decode()}") from None
