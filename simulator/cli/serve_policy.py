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
        there already are counted. Without it every node seems empty.
    param
        A parameter of the policy, as name=value; again for each.
    seed
        Of the policy's draws.
    """
    from simulator.facts import Catalogue  # noqa: PLC0415  # heavy: only where a policy is served
    from simulator.interop.extender.extender import Extender  # noqa: PLC0415
    from simulator.interop.extender.server import pods_at, serve  # noqa: PLC0415
    from simulator.policy.reference import instantiate  # noqa: PLC0415
    from simulator.simulation.settings.kubernetes import scheduler  # noqa: PLC0415
    from simulator.spec.orchestrator import load_orchestrator  # noqa: PLC0415

    policy = instantiate(reference, settings(param), Path(), given=2)
    own = scheduler(load_orchestrator(Catalogue(), "kubernetes"), None, "fallback")
    try:
        extender = Extender(policy, own, seed=seed, pods=pods_at(api) if api else None)
        server = serve(extender, port, say, address)
    except (TypeError, OSError, OverflowError) as error:
        raise UserError(Problem(f"{reference} cannot be served: {error}")) from None
    at = f"http://{address}:{server.server_address[1]}"
    say(f"{reference} at {at}, verbs filter and prioritize; Ctrl-C ends it")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return Answer({"at": at}, "ended")
