"""Train a placement policy by MaskablePPO, compare it on seeds that it has not seen, and write it as ONNX.

    pip install 'littoral[rl,learned]' sb3-contrib onnx
    python examples/train_placement.py --steps 300000 --out learned.onnx

One small network scores every node by itself, from its columns, the pod's, and the mean over all nodes: so what it
learned on one cluster can be used on another with more nodes or fewer. Ends with a table: for each policy the mean
of what counts over held-back seeds, and the mean paired difference to the learned one with its 95 % interval
(Student's t).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableMultiInputActorCriticPolicy
from scipy import stats
from torch import nn

import simulator.rl
from simulator.policy.observation import NODE_COLUMNS, POD_COLUMNS, VERSION

SCALE_NODE = (1, 1, 1, 1, 1, 1, 1, 60)  # ages in minutes
SCALE_POD = (1, 1, 60, 10)
TRAINING, HELD_BACK = 1, 2  # seeds; replications are the episodes


class Scorer(nn.Module):
    """(nodes, pod) -> a score for each node, and a value of the whole."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.register_buffer("scale_node", torch.tensor(SCALE_NODE, dtype=torch.float32))
        self.register_buffer("scale_pod", torch.tensor(SCALE_POD, dtype=torch.float32))
        seen = len(NODE_COLUMNS) + 2 + len(POD_COLUMNS)
        self.embed = nn.Sequential(nn.Linear(seen, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.worth = nn.Sequential(nn.Linear(seen, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.score = nn.Sequential(nn.Linear(2 * width, width), nn.Tanh(), nn.Linear(width, 1))
        self.value = nn.Sequential(nn.Linear(width, width), nn.Tanh())

    def forward(self, nodes: torch.Tensor, pod: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        nodes, pod = nodes / self.scale_node, pod / self.scale_pod
        left = nodes[..., 0:2] * nodes[..., 2:4] - pod[..., None, 0:2]  # what would be free once the pod is there
        about = pod[..., None, :] + torch.zeros_like(nodes[..., 0:1])
        seen = torch.cat((nodes, left, about), -1)
        each = self.embed(seen)
        scores = self.score(torch.cat((each, each.mean(-2, keepdim=True) + torch.zeros_like(each)), -1))
        return scores[..., 0], self.value(self.worth(seen).mean(-2))


class Extractor(nn.Module):
    """The scorer as Stable-Baselines3 wants it: from flat features to what actions and values are made of."""

    def __init__(self, nodes: int) -> None:
        super().__init__()
        self.nodes = nodes
        self.scorer = Scorer()
        self.latent_dim_pi, self.latent_dim_vf = nodes, 32

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        size = self.nodes * len(NODE_COLUMNS)
        return self.scorer(features[:, :size].reshape(-1, self.nodes, len(NODE_COLUMNS)), features[:, size:])

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        return self.forward(features)[0]

    def forward_critic(self, features: torch.Tensor) -> torch.Tensor:
        return self.forward(features)[1]


class ScoringPolicy(MaskableMultiInputActorCriticPolicy):
    """Scores are the logits of the actions: nothing mixes the nodes."""

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = Extractor(int(self.action_space.n))

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)


Choose = Callable[[simulator.rl.PlacementEnv, Mapping[str, Any]], int]


def episodes(env: simulator.rl.PlacementEnv, choose: Choose, number: int) -> np.ndarray:
    """The reward of each replication of the held-back seed."""
    found = []
    for replication in range(number):
        seen, _ = env.reset(seed=HELD_BACK, options={"replication": replication})
        total, over = 0.0, False
        while not over:
            seen, reward, over, _, _ = env.step(choose(env, seen))
            total += reward
        found.append(total)
    return np.array(found)


def baselines() -> Mapping[str, Choose]:
    """What any learner has to beat, by the shipped policies' own rules."""
    rng = np.random.default_rng(0)

    def by(name: str) -> Choose:
        from pathlib import Path

        from simulator.policy.reference import instantiate

        policy = instantiate(name, {}, Path(), given=2)
        place = getattr(policy, "place", policy)
        return lambda env, _: place(env.ask.pod, env.ask.cluster).node

    return {
        "random": lambda env, _: int(rng.choice(np.flatnonzero(env.action_masks()))),
        "least-loaded": by("least-loaded"),
        "best-fit": by("best-fit"),
        "kube-default": by("kube-default"),
    }


def write(scorer: Scorer, path: str, about: Mapping[str, Any]) -> None:
    """The scorer as ONNX, any number of nodes, with what it must be fed."""
    import onnx

    class Scores(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scorer = scorer

        def forward(self, nodes: torch.Tensor, pod: torch.Tensor) -> torch.Tensor:
            return self.scorer(nodes, pod)[0]

    like = torch.zeros(5, len(NODE_COLUMNS)), torch.zeros(len(POD_COLUMNS))
    torch.onnx.export(
        Scores().eval(), like, path, input_names=["nodes", "pod"], output_names=["scores"],
        dynamic_axes={"nodes": {0: "node"}, "scores": {0: "node"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {name: json.dumps(value) for name, value in about.items()})
    onnx.save(model, path)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--steps", type=int, default=300_000)
    asked.add_argument("--episodes", type=int, default=30, help="held-back replications for the comparison")
    asked.add_argument("--nodes", type=int, default=12)
    asked.add_argument("--load", type=float, default=1.1)
    asked.add_argument("--out", default="learned.onnx")
    given = asked.parse_args()
    torch.set_num_threads(1)

    def made(reward: Mapping[str, float]) -> simulator.rl.PlacementEnv:
        return simulator.rl.PlacementEnv(simulator.rl.practice(given.nodes, load=given.load), reward=reward)

    env = made(REWARD)
    env.reset(seed=TRAINING)
    model = MaskablePPO(
        ScoringPolicy, env, n_steps=2048, batch_size=512, n_epochs=8, gamma=0.95, gae_lambda=0.9,
        learning_rate=2e-3, ent_coef=0.002, max_grad_norm=2.0, seed=TRAINING, verbose=1,
    )  # fmt: skip
    model.learn(given.steps)
    scorer = model.policy.mlp_extractor.scorer.cpu().eval()

    def learned(env: simulator.rl.PlacementEnv, seen: Mapping[str, Any]) -> int:
        with torch.no_grad():
            scores, _ = scorer(torch.from_numpy(seen["nodes"]), torch.from_numpy(seen["pod"]))
        return int(np.argmax(np.where(env.action_masks(), scores.numpy(), -np.inf)))

    env = made(GOAL)
    ours = episodes(env, learned, given.episodes)
    print(f"{'policy':14} {'mean goal':>12}   learned less this one, with its 95 % interval")
    print(f"{'learned':14} {ours.mean():12.1f}")
    results = {"learned": float(ours.mean())}
    for name, choose in baselines().items():
        other = episodes(env, choose, given.episodes)
        more = ours - other
        half = stats.t.ppf(0.975, len(more) - 1) * more.std(ddof=1) / np.sqrt(len(more))
        results[name] = float(other.mean())
        print(f"{name:14} {other.mean():12.1f}   {more.mean():10.1f} ± {half:.1f}")
    about = {
        "observation_version": VERSION, "node_columns": NODE_COLUMNS, "pod_columns": POD_COLUMNS,
        "trained": {
            "by": "MaskablePPO", "steps": given.steps, "scenario": f"practice({given.nodes}, load={given.load})",
            "reward": REWARD, "mean_goal_on_held_back_seeds": results,
        },
    }  # fmt: skip
    write(scorer, given.out, about)


# What counts is that pods do not wait. That comes minutes after its cause, so the learner is shown a sign of it at
# once: a pod on a node that is in use already leaves another free for one that is large.
GOAL = {"pending_pod_s": -0.01}
REWARD = {"pending_pod_s": -0.002, "used_nodes": -0.1}

if __name__ == "__main__":
    main()
