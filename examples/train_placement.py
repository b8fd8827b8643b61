"""Train a placement policy on `simulator/Placement-v0`, and keep it as the ONNX file that the policy `learned` runs.

    pip install 'littoral[learn]'
    python train_placement.py learned.onnx
    littoral run mine.yaml --set scenario.policy.use=learned --set scenario.policy.params.model=./learned.onnx

One small network scores a node from what is known of it and of the pod, the same for every node: so the policy does not
care how nodes are ordered, and runs on any number of them. It begins as a copy of a policy written by hand (behaviour
cloning from `TEACHER`), and MaskablePPO goes on from there; the critic sees the queue and the time left besides.

Seeds are of three kinds. Training meets replications of `TRAINING`; which of the networks on the way is kept is chosen
by those of `SELECTION`; those of `HELD_BACK` are met once, at the end, and give the numbers in the file's metadata.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableMultiInputActorCriticPolicy
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView
from simulator.policy.observation import NODE_COLUMNS, POD_COLUMNS, QUEUE_COLUMNS, Eye
from simulator.policy.reference import instantiate
from simulator.policy.trained import KEY, LAYOUT, digest
from simulator.rl import PlacementEnv, practice, returns
from simulator.rl.reward import DEFAULT
from simulator.study.statistics import paired_interval

TEACHER: Final = "best-fit"
OTHERS: Final = ("random", "least-loaded", "best-fit")
TRAINING, SELECTION, HELD_BACK = 1, 5_000, 20_000  # environment i of the training has the seed TRAINING + i
EPISODES, REPLICATIONS = 50, 200  # replications for selection, and on the seed held back
FIRST: Final = 5  # of which the file names each sum, for a quick look
ENVIRONMENTS, ROLLOUT, WARM_UP = 16, 512, 3  # a rollout is of so many steps in each; the critic has WARM_UP of them
STEPS, CHUNK = 409_600, 81_920  # of training; the network is looked at after each chunk
GAMMA: Final = 0.997  # a step is about a second, and a pod runs for about a minute
SOFTER: Final = 0.3  # what the clone's logits are multiplied by: so sure of itself it would try nothing else
_READ: Final = ("free_cpu", "free_ram", "cpu", "ram", "pods")


class Scorer(nn.Module):
    """Logits of nodes: [..., nodes, columns] and [..., columns] of the observation to [..., nodes].

    It reads what a run knows at any fidelity: nothing of ages, waiting times and attempts, and of no node's place."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(10, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
        )

    def forward(self, nodes: torch.Tensor, pod: torch.Tensor) -> torch.Tensor:
        free_cpu, free_ram, cpu, ram, pods = (nodes[..., NODE_COLUMNS.index(name)] for name in _READ)
        pod_cpu, pod_ram = pod[..., :1].expand_as(cpu), pod[..., 1:2].expand_as(ram)
        left_cpu, left_ram = free_cpu * cpu - pod_cpu, free_ram * ram - pod_ram  # of the largest node's
        return self.net(
            torch.stack(
                (
                    free_cpu * cpu, cpu, pod_cpu, left_cpu, left_cpu / cpu.clamp(min=1e-3),
                    ram, pod_ram, left_ram, left_ram / ram.clamp(min=1e-3), 10 * pods,
                ),
                dim=-1,
            )
        ).squeeze(-1)  # fmt: skip


class Critic(nn.Module):
    """What is to come: from the nodes, each embedded and then their mean and greatest, the pod, and the queue."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(len(NODE_COLUMNS), width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.rest = nn.Sequential(
            nn.Linear(2 * width + 2 + len(QUEUE_COLUMNS) + 1, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )

    def forward(self, nodes: torch.Tensor, pod: torch.Tensor, queue: torch.Tensor) -> torch.Tensor:
        each = self.embed(nodes.clamp(max=10))
        scaled = torch.cat((queue[:, :1] / 10, queue[:, :1].log1p(), 10 * queue[:, 1:3], queue[:, 3:] / 600), dim=1)
        return self.rest(torch.cat((each.mean(1), each.amax(1), pod[:, :2], scaled), dim=1))


class Heads(nn.Module):
    """Both, from the observation as Stable-Baselines3 hands it on: its parts flat, one after the other by name."""

    def __init__(self, nodes: int) -> None:
        super().__init__()
        self.nodes, self.latent_dim_pi, self.latent_dim_vf = nodes, nodes, 64
        self.actor, self.critic = Scorer(), Critic()

    def parts(self, flat: torch.Tensor) -> tuple[torch.Tensor, ...]:
        nodes, pod, queue = flat.split((self.nodes * len(NODE_COLUMNS), len(POD_COLUMNS), len(QUEUE_COLUMNS)), dim=1)
        return nodes.view(-1, self.nodes, len(NODE_COLUMNS)), pod, queue

    def forward(self, flat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.forward_actor(flat), self.forward_critic(flat)

    def forward_actor(self, flat: torch.Tensor) -> torch.Tensor:
        return self.actor(*self.parts(flat)[:2])

    def forward_critic(self, flat: torch.Tensor) -> torch.Tensor:
        return self.critic(*self.parts(flat))


class PerNode(MaskableMultiInputActorCriticPolicy):
    """The actor's logits are the actions': no layer after it knows a node by its place."""

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = Heads(int(self.action_space.n))

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)


class Net(Placement):
    """The actor as a policy, while it learns."""

    def __init__(self, actor: Scorer) -> None:
        self.actor = actor

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        seen = Eye(len(cluster), still=False).see(cluster, pod)
        with torch.no_grad():
            scores = self.actor(torch.from_numpy(seen["nodes"]), torch.from_numpy(seen["pod"])).numpy()
        return Bind(cluster.argmax(scores, where=cluster.feasible(pod)))


def clone(env: PlacementEnv, actor: Scorer, replications: int = 40, passes: int = 30) -> float:
    """Teach the actor what the teacher does; how often it then does the same."""
    rows: list[tuple[Any, ...]] = []
    teacher = instantiate(TEACHER, {}, Path(), given=2)
    for replication in range(replications):
        seen, _ = env.reset(seed=TRAINING, options={"replication": replication})
        over = False
        while not over:
            action = teacher.place(env.ask.pod, env.ask.cluster).node
            rows.append((seen["nodes"], seen["pod"], env.action_masks().copy(), action))
            seen, _, over, _, _ = env.step(action)
    nodes, pods, masks, actions = (torch.from_numpy(np.array(column)) for column in zip(*rows, strict=True))
    optimiser = torch.optim.Adam(actor.parameters(), lr=2e-3)
    for _ in range(passes):
        for part in torch.randperm(len(actions)).split(512):
            logits = actor(nodes[part], pods[part]).masked_fill(~masks[part], -1e9)
            optimiser.zero_grad()
            nn.functional.cross_entropy(logits, actions[part]).backward()
            optimiser.step()
    with torch.no_grad():
        same = actor(nodes, pods).masked_fill(~masks, -1e9).argmax(1) == actions
        for each in actor.net[-1].parameters():
            each.mul_(SOFTER)
    return float(same.float().mean())


def train(steps: int) -> tuple[Scorer, str]:
    """The network that earned most on the selection seed, and how it came about."""
    scenario, env = practice(), PlacementEnv()
    many = DummyVecEnv([partial(PlacementEnv, scenario)] * ENVIRONMENTS)
    many.seed(TRAINING)
    scaled = VecNormalize(many, norm_obs=False, norm_reward=True, clip_reward=1e6, gamma=GAMMA)
    model = MaskablePPO(
        PerNode, scaled, n_steps=ROLLOUT, batch_size=1024, n_epochs=5, gamma=GAMMA, gae_lambda=0.95,
        learning_rate=3e-4, target_kl=0.02, seed=TRAINING,
    )  # fmt: skip
    actor: Scorer = model.policy.mlp_extractor.actor
    same = clone(env, actor)
    best, kept, at = returns(env, Net(actor), SELECTION, EPISODES).mean(), deepcopy(actor), 0
    print(f"the clone does as {TEACHER} in {same:.1%}, and earns {best:.1f}", flush=True)
    actor.requires_grad_(False)  # first the critic alone: it has yet to see what it judges
    model.learn(WARM_UP * ENVIRONMENTS * ROLLOUT)
    actor.requires_grad_(True)
    for done in range(CHUNK, steps + 1, CHUNK):
        model.learn(CHUNK, reset_num_timesteps=False)
        earned = returns(env, Net(actor), SELECTION, EPISODES).mean()
        print(f"after {done} steps it earns {earned:.1f}", flush=True)
        if earned > best:
            best, kept, at = earned, deepcopy(actor), done
    how = f"behaviour cloning from {TEACHER} ({same:.1%} alike), then MaskablePPO; kept after {at} of {steps} steps"
    return kept, how


def as_onnx(actor: Scorer) -> onnx.ModelProto:
    """The network for any number of nodes."""
    nodes, pod = torch.zeros(5, len(NODE_COLUMNS)), torch.zeros(len(POD_COLUMNS))
    any_number = {"nodes": {0: torch.export.Dim("n")}, "pod": None}
    names = {"input_names": ["nodes", "pod"], "output_names": ["scores"]}
    program = torch.onnx.export(actor.eval(), (nodes, pod), **names, dynamic_shapes=any_number, verbose=False)
    assert program is not None
    network = program.model_proto
    for each in (*network.graph.node, *network.graph.value_info, *network.graph.input, *network.graph.output):
        each.ClearField("metadata_props")  # where in this file it came from, by this machine's paths
    return network


def described(how: str) -> dict[str, Any]:
    """What the file says of the network, before it is measured."""
    scenario = practice().dump()
    seeds = {
        "training": [TRAINING + i for i in range(ENVIRONMENTS)],
        "selection": [SELECTION],
        "held_back": [HELD_BACK],
    }
    return {
        "kind": "placement",
        "observation": LAYOUT,
        "scenario": scenario,
        "scenario_sha256": digest(scenario),
        "seeds": seeds,
        "trained": how,
        "result": {},
    }


def save(network: onnx.ModelProto, metadata: dict[str, Any], file: Path) -> None:
    onnx.helper.set_model_props(network, {KEY: json.dumps(metadata)})
    onnx.save(network, file)


def result(file: Path) -> dict[str, Any]:
    """On the seed held back: what each earns on average, and what the network earns more, with its 95 % interval."""
    env = PlacementEnv()
    others = {name: instantiate(name, {}, Path(), given=2) for name in OTHERS}
    learned = instantiate("learned", {"model": file.resolve()}, Path(), given=2)
    sums = {name: returns(env, each, HELD_BACK, REPLICATIONS) for name, each in ({"learned": learned} | others).items()}
    return {
        "reward": dict(DEFAULT),
        "replications": REPLICATIONS,
        "first": {name: each[:FIRST].tolist() for name, each in sums.items()},
        "mean": {name: float(each.mean()) for name, each in sums.items()},
        "more": {name: list(paired_interval(sums["learned"], sums[name])) for name in others},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a placement policy, and measure it on the seed held back.")
    parser.add_argument("file", type=Path, help="the ONNX file that is written")
    parser.add_argument("--steps", type=int, default=STEPS, help="of training, after the critic's warm-up")
    parser.add_argument("--measure", action="store_true", help="measure the network that is there anew; train nothing")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(TRAINING)
    if given.measure:
        network = onnx.load(given.file)
        metadata = json.loads({each.key: each.value for each in network.metadata_props}[KEY])
    else:
        actor, how = train(given.steps)
        network, metadata = as_onnx(actor), described(how)
        save(network, metadata, given.file)
    metadata["result"] = result(given.file)
    save(network, metadata, given.file)
    print(json.dumps(metadata["result"], indent=2))


if __name__ == "__main__":
    main()
