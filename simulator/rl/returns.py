"""What a placement policy earns in an environment: for comparisons on common random numbers."""

from __future__ import annotations

import numpy as np

from simulator.policy import Bind, Placement
from simulator.policy.view import Floats
from simulator.rl.placement import PlacementEnv


def returns(env: PlacementEnv, policy: Placement, seed: int, replications: int) -> Floats:
    """The sum of rewards in each replication of a seed, from 0 on. The policy answers what the environment asks.

    Raises ValueError for an answer that binds nowhere: whoever is asked here has a feasible node.
    """
    sums = np.zeros(replications)
    for replication in range(replications):
        env.reset(seed=seed, options={"replication": replication})
        over = cut = False
        while not (over or cut):
            ask = env.ask
            assert ask is not None
            answer = policy.place(ask.pod, ask.cluster)
            if not isinstance(answer, Bind):
                raise ValueError(f"answered {answer!r} where a node would do")
            _, reward, over, cut, _ = env.step(answer.node)
            sums[replication] += reward
    return sums
