"""What only a container runtime or a container engine shows: the rows runc to lxc and containerd to pantavisor."""

from __future__ import annotations

import pytest

from onebox import agent_of, refusals, world
from scenarios import run, simulation
from simulator.errors import UserError
from simulator.facts import Catalogue
from starting import at_once, steps, window

MB = 1_000_000
ALONE = {"facts.runtimes.containerd.start.sandbox": "0ms", "facts.runtimes.containerd.start.container": "0ms"}


def a_hundred(runtime: str, changes: dict[str, object]) -> float:
    """Seconds for a hundred containers, one after another, without an engine's part."""
    return float(window(steps(f"containerd/{runtime}", ALONE | changes), 1, 100, threads=16).sum()) / 1000


def test_crun_takes_half_of_runc_or_a_fifth_and_youki_lies_between() -> None:
    """The review: 100 in 3.34 s and 1.69 s; the youki project: 224.6, 111.5 and 47.3 ms each. Both are told."""
    runc, youki, crun = (a_hundred(name, {}) for name in ("runc", "youki", "crun"))
    assert (runc, youki, crun) == pytest.approx((22.46, 11.15, 4.73), rel=0.03)
    assert crun < youki < runc
    review = {"source": "sensors2023"}
    warm = [a_hundred(n, {f"facts.runtimes.{n}.start.container": review}) for n in ("runc", "crun")]
    assert warm == pytest.approx([3.34, 1.69], rel=0.01)
    assert warm[1] / warm[0] == pytest.approx(0.5, abs=0.02)


def free_disk(*runtimes: str) -> int:
    return agent_of(world({"runtimes": list(runtimes), "disk": "1GB"})).images.capacity_bytes


@pytest.mark.parametrize("name", ["runc", "crun", "youki", "gvisor"])
def test_a_runtime_s_program_takes_its_disk(name: str) -> None:
    catalogue = Catalogue()
    size, engine = (catalogue.model("runtimes", n).quantity("binary") for n in (name, "containerd"))
    assert free_disk(f"containerd/{name}") == 10**9 - engine - size


def test_a_program_that_two_stacks_share_is_there_once_and_docker_takes_more_than_crun() -> None:
    together = free_disk("containerd/runc", "containerd/crun")
    crun = Catalogue().model("runtimes", "crun").quantity("binary")
    assert together == free_disk("containerd/runc") - crun
    assert crun < MB  # 0.49 MB
    assert free_disk("docker/runc") < free_disk("containerd/runc") < free_disk("podman/crun")


def test_lxc_takes_root_file_systems_and_no_image_of_the_oci() -> None:
    box = {"runtimes": ["containerd/lxc"]}
    assert refusals(world(box)) == ["image format oci is none of rootfs"]
    assert refusals(world(box, {"format": "rootfs"})) == []
    # Pantavisor makes a root file system of what it unpacks itself.
    assert refusals(world({"runtimes": ["pantavisor/lxc"]})) == []


ENGINES = ("containerd", "cri-o", "docker", "podman", "rkt", "balena-engine")


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_s_daemon_takes_memory_from_the_node(name: str) -> None:
    def room(engine: str) -> int:
        return agent_of(world({"runtimes": [f"{engine}/runc"], "ram": "1GB"}))._memory.limit

    daemon = Catalogue().model("runtimes", name).quantity("memory.daemon")
    assert room("podman") - room(name) == daemon  # podman has none
    assert (daemon == 0) == (name in ("podman", "rkt"))


@pytest.mark.parametrize("name", ["docker", "containerd", "cri-o", "balena-engine"])
def test_starts_queue_for_an_engine_s_daemon(name: str) -> None:
    """Moebius (2024): each further of 10 to 100 concurrent starts adds 59.5 ms to all of them, so the lock is held for
    twice that: at most for as long as the engine's part takes, which is 115.4 ms for containerd and CRI-O."""
    free: dict[str, object] = {f"facts.runtimes.{page}.start.contention": 0 for page in (name, "runc")}
    ten, hundred = (at_once(steps(f"{name}/runc", free), k, threads=48).mean() for k in (10, 100))
    part = Catalogue().model("runtimes", name).number("start.container")
    assert (hundred - ten) / 90 == pytest.approx(min(59.5, part / 2), rel=0.02)


@pytest.mark.parametrize("name", ["podman", "rkt"])
def test_starts_without_a_daemon_share_cores_only(name: str) -> None:
    ten, hundred = (at_once(steps(f"{name}/runc"), k, threads=48).mean() for k in (10, 100))
    assert 0 < (hundred - ten) / 90 < 59.5 / 4


@pytest.mark.parametrize(("engine", "least"), [("docker", 256), ("balena-engine", 70)])
def test_an_engine_refuses_a_machine_that_is_too_small_for_it(engine: str, least: int) -> None:
    board = {"model": "beaglebone-black", "runtimes": [f"{engine}/runc"]}
    with pytest.raises(UserError) as caught:
        simulation(world(board | {"ram": f"{least - 1}MB"}))
    said = [p for p in caught.value.problems if "cannot run" in p.message]
    assert said[0].message.endswith(f"it has {least - 1} MB of RAM")
    assert said[0].hint == f"{engine}/runc needs {least} MB"
    try:
        simulation(world(board | {"ram": f"{least}MB"}))
    except UserError as error:  # K3s itself needs more than balenaEngine
        assert not [p for p in error.problems if "cannot run" in p.message]  # noqa: PT017


@pytest.mark.parametrize(("engine", "share"), [("balena-engine", 0.1), ("docker", 1.0)])
def test_balena_engine_pulls_the_difference_to_what_is_there(engine: str, share: float) -> None:
    """An update of 100 MB on a line of 10 Mbit/s: 8 s where a tenth of it comes, 80 s where all does."""
    data = world({"runtimes": [f"{engine}/runc"]}, {"compressed": "100MB", "unpacked": "100MB", "layers": 1})
    data["duration"] = "10min"
    data["images"]["app:2"] = dict(data["images"]["app"])
    data["topology"]["nodes"].append({"name": "store", "model": "registry", "role": "registry"})
    line = {"name": "line", "between": ["store", "box"], "latency": "1ms", "rate": "10Mbps"}
    data["topology"]["links"].append(line)
    data["images"]["app"]["prepulled"] = ["box"]
    data["faults"] = [{"kind": "update", "workload": "app", "image": "app:2", "at": "1min"}]
    took = run(data).summary["update_s"]
    assert took == pytest.approx(80 * share, abs=6)
