"""`littoral serve-policy`: a policy as an extender of a real kube-scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simulator.cli.answer import Answer, say
from simulator.cli.given import settings
from simulator.errors import Problem, UserError


def serve_policy(
    reference: str,
    /,
    *,
    port: int = 8888,
    address: str = "127.0.0.1",
    api: str | None = None,
    param: Sequence[str] = (),
    seed: int = 1,
) -> Answer:
    """Answer a kube-scheduler's filter and prioritize requests by a policy, until interrupted.

    A score of 10 counts as 100 times the extender's weight, beside kube-scheduler's own scores: for a placement to have
    its way, the weight is above the sum of theirs, which is 12 by default.

    Parameters
    ----------
    reference
        A shipped name, ./file.py:Name, package.module:Name, or distribution/entry-point: a placement policy, a filter
        or a score.
    port
        Where to listen; 0: at any port that is free.
    address
        The interface to listen at.
    api
        An API server without authentication, as `kubectl proxy` offers it at http://127.0.0.1:8001: the pods that are
        there already are counted, and a scheduler may send names of nodes alone (nodeCacheCapable). Without it every
        node seems empty.
    param
        A parameter of the policy, as name=value; again for each.
    seed
        Of the policy's draws.
    """
    from simulator.facts import Catalogue  # noqa: PLC0415  # heavy: only where a policy is served
    from simulator.interop.extender.extender import POINTS, Extender  # noqa: PLC0415
    from simulator.interop.extender.server import listed_at, serve  # noqa: PLC0415
    from simulator.policy.points import EXTENSION_POINTS, point_for  # noqa: PLC0415
    from simulator.policy.reference import in_full, instantiate, resolve  # noqa: PLC0415
    from simulator.simulation.settings.kubernetes import scheduler  # noqa: PLC0415
    from simulator.spec.orchestrator import load_orchestrator  # noqa: PLC0415

    if api is not None and not api.startswith(("http://", "https://")):
        raise UserError(Problem(f"--api {api}: no address", hint="as in http://127.0.0.1:8001"))
    named = in_full(reference)
    point = point_for(resolve(named, Path()), reference)
    if point not in POINTS:
        raise UserError(Problem(f"{reference} is a policy for {point}", hint=f"served are {', '.join(POINTS)}"))
    policy = instantiate(named, settings(param), Path(), given=len(EXTENSION_POINTS[point].views))
    own = scheduler(load_orchestrator(Catalogue(), "kubernetes"), None, "fallback")
    try:
        pods, nodes = (listed_at(api, "pods"), listed_at(api, "nodes")) if api else (None, None)
        extender = Extender(policy, own, seed=seed, pods=pods, nodes=nodes)
        server = serve(extender, port, say, address)
    except TypeError as error:
        raise UserError(Problem(f"{reference} cannot be served: {error}")) from None
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or str(error)
        hint = "--port 0 takes any that is free"
        raise UserError(Problem(f"nobody can listen at {address}:{port}: {said}", hint=hint)) from None
    at = f"http://{address}:{server.server_address[1]}"
    say(f"{reference} at {at}, verbs filter and prioritize; Ctrl-C ends it")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return Answer({"at": at}, "ended")
