"""Every shipped policy keeps every promise of the contract; and the shipped names are those that users know."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from simulator.policy.checks import parametrize_policy_checks
from simulator.policy.reference import instantiate, resolve, shipped_names

SHIPPED = ["kube-default", "least-loaded", "most-allocated", "random"]
PARAMS: dict[str, dict[str, Any]] = {  # of those that cannot do without
    "latency-aware": {"to": "zone-1"},
    "autoscaling/target-utilisation": {"target": 2.0, "most": 10},
    "scaling/keep-alive": {"idle": "10min", "prewarmed": 1},
    "scaling/runtime-chooser": {"idle": "10min", "isolated": ("seldom",)},
}
# Decision points that have a folder, and checks, of their own.
POINTS = ("order", "preemption", "rescheduling", "autoscaling", "caching", "scaling", "routing")
OF_POINTS = [f"{point}/{name}" for point in POINTS for name in shipped_names("policies", point)]
# What needs an extra is judged where that is; tests/unit/test_learned.py says that it was not.
MISSING = set() if find_spec("onnxruntime") else {"learned"}
JUDGED = [name for name in (*shipped_names("policies"), *OF_POINTS) if name not in MISSING]


def made(name: str) -> Any:
    return instantiate(name, PARAMS[name], Path(), given=2) if name in PARAMS else name


@parametrize_policy_checks([made(name) for name in JUDGED])
def test_shipped_policy(policy: Any, check: Any) -> None:
    check(policy)


def test_policies_that_every_page_names_are_shipped() -> None:
    assert set(SHIPPED) <= set(shipped_names("policies"))


def test_each_says_idea_complexity_and_caveats(tmp_path) -> None:
    for name in (*shipped_names("policies"), *OF_POINTS):
        words = __import__(resolve(name, tmp_path).__module__, fromlist=["x"]).__doc__
        for word in ("Idea:", "Complexity:", "Caveat"):
            assert word in words, f"{name} does not tell its {word}"
