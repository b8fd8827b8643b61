"""What is under way when ways change decides, too, whether flows can be streams."""

from __future__ import annotations

from networks import link
from planes import PlaneWorld
from simulator.traffic.flows import Every, Poisson
from simulator.units import MS, SECOND

LEFT, EDGE, HUB, OTHER, RIGHT = range(5)  # two sites with a till each, and a hub between them


def crossed(change: int, *, exact_events: bool) -> PlaneWorld:
    """Each till asks the other's site, until at `change` (ns) one of them gets an endpoint of its own."""
    world = PlaneWorld(5, [link(i, i + 1, rate_bps=1e9) for i in range(4)], exact_events=exact_events)
    world.service("far", [EDGE])
    world.service("near", [OTHER])
    world.service("busy", [OTHER])
    world.flow(RIGHT, "far", Every(SECOND), name="rare")
    world.flow(LEFT, "busy", Poisson(3000.0), name="many")
    # The same service, answered at home from now on: its endpoint is the pod of `near`.
    world.clock.at(change, world.program, "far", world.services["near"])
    later = change + SECOND  # nothing of before is under way any more
    world.clock.at(later, world.plane.settle, later)
    world.finish(3100 * MS)
    return world


def test_a_request_on_its_way_back_over_a_way_that_closes_a_circle_is_left_to_the_loop() -> None:
    issued = min(crossed(2 * SECOND, exact_events=True).recorder.requests.frame().filter(flow="rare")["issued_s"])
    change = round(issued * SECOND) + 45 * MS  # it has been served, and is on its way back
    stream, loop = (crossed(change, exact_events=exact) for exact in (False, True))
    assert stream.outcomes() == loop.outcomes()
    assert stream.plane.evaluators()["many"]["stream"] > 0
