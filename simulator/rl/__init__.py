"""Gymnasium environments over the simulator's decision points: `import simulator.rl`, then `gymnasium.make` as usual.

    import gymnasium, simulator.rl
    env = gymnasium.make("simulator/Placement-v0", scenario="mine.yaml")    # or Offloading-v0

`gymnasium.make("simulator.rl:simulator/Placement-v0")` imports it by itself. Needs the extra `rl`.
"""

from __future__ import annotations

from simulator.errors import Problem, UserError

try:
    import gymnasium
except ModuleNotFoundError:
    raise UserError(Problem("simulator.rl needs gymnasium", hint="pip install 'littoral[rl]'")) from None

from simulator.rl.offloading import OffloadingEnv
from simulator.rl.placement import PlacementEnv
from simulator.rl.practice import offloading, practice

__all__ = ["OffloadingEnv", "PlacementEnv", "offloading", "practice"]

if "simulator/Placement-v0" not in gymnasium.registry:
    gymnasium.register("simulator/Placement-v0", entry_point="simulator.rl.placement:PlacementEnv")
    gymnasium.register("simulator/Offloading-v0", entry_point="simulator.rl.offloading:OffloadingEnv")
