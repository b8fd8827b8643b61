"""What only a microVM or a unikernel shows: the rows kata to rund and unikraft to osv."""

from __future__ import annotations

import pytest

from onebox import refusals, world
from scenarios import simulation
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.runtime.stack import compose, costs
from starting import at_once, steps

CATALOGUE = Catalogue()
# How each unikernel is run where it was measured, and the format of its image.
UNIKERNELS = {
    "unikraft": ("firecracker/unikraft", "unikernel"),
    "runu": ("containerd/runu/firecracker/unikraft", "unikernel"),
    "mirageos": ("solo5/mirageos", "unikernel"),
    "nabla": ("containerd/nabla", "nabla"),
    "lupine": ("qemu/lupine", "unikernel"),
    "osv": ("firecracker/osv", "unikernel"),
}
VMS = ("containerd/kata", "firecracker", "cloud-hypervisor", "containerd/rund")


def needs_kvm(stack: str) -> bool:
    """Whether a machine without KVM is refused for this stack."""
    box = {"model": "azure-stack-edge-pro", "runtimes": [stack]}
    try:
        simulation(world(box, {"platforms": ["linux/amd64"], "format": formats(stack)[0]}))
    except UserError as error:
        return any(p.message.endswith("it has no KVM") for p in error.problems)
    return False


def formats(stack: str) -> list[str]:
    return sorted(compose(CATALOGUE, stack).formats)


@pytest.mark.parametrize("stack", [*VMS, *(stack for stack, _ in UNIKERNELS.values())])
def test_a_guest_needs_a_hypervisor_and_nabla_is_a_process(stack: str) -> None:
    assert needs_kvm(stack) == ("nabla" not in stack)


@pytest.mark.parametrize("stack", VMS)
def test_a_vm_starts_later_and_holds_more_than_a_container(stack: str) -> None:
    """Compared within one clock: a pod's for Kata and RunD, an empty machine's start for the VMMs."""
    made, plain = (costs(compose(CATALOGUE, name)) for name in (stack, "containerd/crun"))
    assert made.ram_bytes > plain.ram_bytes
    vmm = stack in ("firecracker", "cloud-hypervisor")
    took, container = (at_once(steps(name), 1, threads=16)[0] for name in (stack, "containerd/crun"))
    if vmm:
        assert (
            took
            > at_once(
                steps(
                    "containerd/crun",
                    {
                        "facts.runtimes.containerd.start.sandbox": "0ms",
                        "facts.runtimes.containerd.start.container": "0ms",
                    },
                ),
                1,
                threads=16,
            )[0]
        )
    elif stack == "containerd/kata":
        assert took > container
    else:  # RunD's pod has a sandbox of its own: quicker than containerd's assumed one with runC
        assert took < container


@pytest.mark.parametrize("name", UNIKERNELS)
def test_a_unikernel_s_image_start_and_memory_are_below_a_linux_guest_s(name: str) -> None:
    """By its VMM's own Linux guest; Firecracker's for Nabla and Solo5, which have none."""
    stack, _ = UNIKERNELS[name]
    vmm = next((part for part in stack.split("/") if part in ("firecracker", "qemu")), "firecracker")
    alone = "/".join(part for part in stack.split("/") if part not in ("containerd", "runu"))
    if name == "nabla":
        alone = stack
    less = {"facts.runtimes.containerd.start.sandbox": "0ms", "facts.runtimes.containerd.start.container": "0ms"}
    took, guest = (at_once(steps(each, less), 1, threads=16)[0] for each in (alone, vmm))
    assert took < guest
    own = CATALOGUE.model("runtimes", "unikraft" if name == "runu" else name)
    assert costs(compose(CATALOGUE, alone)).ram_bytes < costs(compose(CATALOGUE, vmm)).ram_bytes
    assert own.quantity("binary") < 6e6  # a program that greets; Debian's slim image has 74.8 MB


@pytest.mark.parametrize("name", UNIKERNELS)
def test_a_unikernel_is_one_program_built_anew_on_any_change(name: str) -> None:
    """It runs images built for it alone, and building one takes minutes where pushing a layer takes seconds."""
    stack, kind = UNIKERNELS[name]
    model = CATALOGUE.model("runtimes", "unikraft" if name == "runu" else name)
    assert model.quantity("rebuild") >= 60 * 10**9
    if name != "runu":  # which unpacks OCI images with a unikernel in them
        assert refusals(world({"runtimes": [stack]})) != []
    assert refusals(world({"runtimes": [stack]}, {"format": kind})) == []


def test_a_unikernel_for_one_language_says_so() -> None:
    assert CATALOGUE.model("runtimes", "mirageos").list("languages") == ["OCaml"]


def test_nabla_is_an_oci_runtime_that_refuses_oci_images() -> None:
    assert refusals(world({"runtimes": ["containerd/nabla"]})) == ["image format oci is none of nabla"]


@pytest.mark.parametrize("stack", ["qemu/mirageos", "cloud-hypervisor/unikraft", "containerd/kata/unikraft"])
def test_what_nobody_has_run_on_each_other_is_refused(stack: str) -> None:
    with pytest.raises(UserError, match="does not drive"):
        compose(CATALOGUE, stack)


def test_two_programs_are_two_guests() -> None:
    """Each instance of a unikernel takes its memory anew: nothing is shared between two, beyond the VMM's program."""
    one = costs(compose(CATALOGUE, "firecracker/unikraft"))
    assert one.ram_bytes > 0
    assert not {name for name, _ in one.shared} & {"unikraft"}
