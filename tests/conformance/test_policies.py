"""Every shipped policy keeps every promise of the contract; and the shipped names are those that users know."""

from typing import Any

from simulator.policy.checks import parametrize_policy_checks
from simulator.policy.reference import resolve, shipped_names

SHIPPED = ["kube-default", "least-loaded", "most-allocated", "random"]


@parametrize_policy_checks(shipped_names("policies"))
def test_shipped_policy(policy: Any, check: Any) -> None:
    check(policy)


def test_policies_that_every_page_names_are_shipped() -> None:
    assert set(SHIPPED) <= set(shipped_names("policies"))


def test_each_says_idea_complexity_and_caveats(tmp_path) -> None:
    for name in shipped_names("policies"):
        words = __import__(resolve(name, tmp_path).__module__, fromlist=["x"]).__doc__
        for word in ("Idea:", "Complexity:", "Caveat"):
            assert word in words, f"{name} does not tell its {word}"
