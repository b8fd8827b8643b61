"""Gymnasium environments over the simulator's decision points: `import simulator.rl`, then `gymnasium.make` as usual.

    import gymnasium, simulator.rl
    env = gymnasium.make("simulator/Placement-v0", scenario="mine.yaml")    # or Offloading-v0, Autoscaling-v0

`gymnasium.make("simulator.rl:simulator/Placement-v0")` imports it by itself. Needs the extra `rl`.
"""

from __future__ import annotations

from simulator.errors import Problem, UserError

try:
    import gymnasium
except ModuleNotFoundError:
    raise UserError(Problem("simulator.rl needs gymnasium", hint="pip install 'littoral[rl]'")) from None

from simulator.rl.autoscaling import AutoscalingEnv
from simulator.rl.offloading import OffloadingEnv
from simulator.rl.placement import PlacementEnv
from simulator.rl.practice import offloading, practice, practice_service
from simulator.rl.returns import returns

__all__ = ["AutoscalingEnv", "OffloadingEnv", "PlacementEnv", "offloading", "practice", "practice_service", "returns"]

for _name, _home in (("Placement", "placement"), ("Offloading", "offloading"), ("Autoscaling", "autoscaling")):
    if f"simulator/{_name}-v0" not in gymnasium.registry:
        gymnasium.register(f"simulator/{_name}-v0", entry_point=f"simulator.rl.{_home}:{_name}Env")
