"""The default scheduler as a mechanism: queue, filter, score, reserve, bind, and the one decision point.

A pod waits in the queue (`queue.py`); one cycle at a time asks the policy about it (`cycle.py`, `decision.py`); the
answer is reserved in the scheduler's own belief (`info.py`) and written to the API server (`scheduler.py`).
PriorityClass orders the queue; pods of lower priority are preempted only where a policy says which (`preempting.py`).
"""

from simulator.control.scheduling.decision import Ask
from simulator.control.scheduling.explain import NodeVerdict, explain
from simulator.control.scheduling.info import NodeInfo
from simulator.control.scheduling.scheduler import Scheduler
from simulator.control.scheduling.settings import Sampling, SchedulerSettings

__all__ = ["Ask", "NodeInfo", "NodeVerdict", "Sampling", "Scheduler", "SchedulerSettings", "explain"]
