"""Gymnasium environments over the simulator's decision points: `import simulator.rl`, then `gymnasium.make` as usual.

    import gymnasium, simulator.rl
    env = gymnasium.make("simulator/Placement-v0", scenario="mine.yaml")

`gymnasium.make("simulator.rl:simulator/Placement-v0")` imports it by itself. Needs the extra `rl`.
"""

from __future__ import annotations

from simulator.errors import Problem, UserError

try:
    import gymnasium
except ModuleNotFoundError:
    raise UserError(Problem("simulator.rl needs gymnasium", hint="pip install 'littoral[rl]'")) from None

from simulator.rl.autoscaling import AutoscalingEnv
from simulator.rl.placement import PlacementEnv
from simulator.rl.practice import practice, practice_service
from simulator.rl.returns import returns

__all__ = ["AutoscalingEnv", "PlacementEnv", "practice", "practice_service", "returns"]

if "simulator/Placement-v0" not in gymnasium.registry:
    gymnasium.register("simulator/Placement-v0", entry_point="simulator.rl.placement:PlacementEnv")
if "simulator/Autoscaling-v0" not in gymnasium.registry:
    gymnasium.register("simulator/Autoscaling-v0", entry_point="simulator.rl.autoscaling:AutoscalingEnv")
