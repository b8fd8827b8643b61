"""What the page of a runtime says. A runtime in use is a stack of pages named from the top: `containerd/runc`,
`containerd/kata/firecracker`, `containerd/urunc/qemu/unikraft`, `containerd/crun/wasmedge`.

Sources measure different stretches of a start, so a time stands with its clock: `start.clock` names the stretch that
`start.container` is, and `CLOCKS` says which stages of a stack it covers. Times of one clock may be compared; times of
different clocks are composed, from the top of the stack down: a page's time, memory and slowdown count where its clock
covers a stage that no page above it covered. What was measured on other clocks than the page's own stands under
`start.spans.<clock>`: a composition is checked against it, and never made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Final

from simulator.facts.field import Field

# From the top of the stack. A selector is no runtime: RuntimeClass picks one by its name.
ROLES: Final = ("selector", "engine", "low-level", "vmm", "unikernel", "wasm")

# What a start goes through, in order. A stack without a VMM has no such stage, and so on.
STAGES: Final = ("engine", "sandbox", "create", "vmm", "guest", "module", "application")

# Clock -> the stages that it covers, of those which the stack has.
CLOCKS: Final[Mapping[str, tuple[str, ...]]] = {
    # The engine's part alone: what it adds to the low-level runtime, a difference of two measurements.
    "engine-share": ("engine",),
    # From the engine's command until it returns, for a process that ends at once; no network.
    "command-to-exit": ("engine", "create", "vmm", "guest", "module"),
    # From the engine's command until the application says that it is ready.
    "command-to-ready": ("engine", "create", "vmm", "guest", "module", "application"),
    # From a function's request to its first reply: the application included.
    "request-to-reply": ("engine", "create", "vmm", "guest", "module", "application"),
    # From the CRI's request for a sandbox until its container runs.
    "pod-request-to-start": ("engine", "sandbox", "create", "vmm", "guest"),
    # Create, start and delete of a container by the low-level runtime, for a process that ends at once.
    "create-to-delete": ("create",),
    # From create by the low-level runtime until a Wasm module is instantiated in it.
    "create-to-instance": ("create", "module"),
    # From the start of the VMM's process until the guest's init runs.
    "spawn-to-init": ("vmm", "guest"),
    # From the VMM's order to start the guest until its init runs: the VMM is already there.
    "boot-to-init": ("guest",),
    # From the start of the VMM's process until the unikernel's main.
    "spawn-to-main": ("vmm", "guest"),
    # From the start of the VMM until the application in the guest is ready.
    "spawn-to-ready": ("vmm", "guest", "application"),
    # From a module's bytes to an instance: compiled, or translated, and instantiated.
    "load-to-instance": ("module",),
}

# What an instance comes up from, as a page chooses -> what else it then has to state.
STARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "boot": (),
    "snapshot": ("snapshot.restore", "snapshot.create"),  # that its image's first instance on the node has written
    "cache": ("start.warm",),  # of what its image's first instance on the node has compiled
    "template": ("start.warm",),  # a machine in RAM that the first instance on the node has left
    "pool": ("pool.size",),  # a machine that waits
}

MODES: Final = ("native", "user-kernel", "virtualised", "interpreter", "single-pass", "jit", "aot")
ISOLATION: Final = ("process", "user-kernel", "vm", "language", "enclave")
FORMATS: Final = ("oci", "wasm", "rootfs", "unikernel", "nabla", "capstan", "appc", "pantavisor")  # of images
WAYS: Final = ("live", "state")  # of a running instance to another node
WASI: Final = (
    "preview1", "preview2", "sockets", "nn", "crypto", "proxy-wasm", "threads", "wasix", "async",
)  # fmt: skip

RUNTIMES: Final[Mapping[str, Field]] = {
    "platforms": Field("platforms"),
    # Its place in a stack: what it drives where the name stops here, and what alone it can drive (default: any).
    "role": Field("text", words=ROLES),
    "drives.default": Field("text", required=False),
    "drives.only": Field("list", required=False),
    "mode": Field("text", required=False, words=MODES),
    "isolation": Field("text", required=False, words=ISOLATION),
    # A cold start, its image present.
    "start.clock": Field("text", required=False, words=tuple(CLOCKS)),
    "start.sandbox": Field("duration", required=False, dist=True),
    "start.container": Field("duration", dist=True),
    **{f"start.spans.{clock}": Field("duration", required=False, dist=True) for clock in CLOCKS},
    "start.split.shim": Field("duration", required=False),  # what a VMM does not do: shim, agent, container
    "start.split.vmm": Field("duration", required=False, dist=True),
    "start.split.guest": Field("duration", required=False, dist=True),
    "start.split.nic": Field("duration", required=False),  # each
    "start.split.mount": Field("duration", required=False),  # each
    # A unikernel's by VMM: its parts, of which a start is composed, and the whole, which is what they should add up to.
    "start.under.*.total": Field("duration", required=False, dist=True),
    "start.under.*.vmm": Field("duration", required=False, dist=True),
    "start.under.*.guest": Field("duration", required=False),
    "start.nics": Field("count", required=False),  # that a guest has and its measurement had not; `split.nic` each
    "start.mounts": Field("count", required=False),  # likewise
    "start.per_gib": Field("duration", required=False),  # of a guest's RAM beyond `at_ram`, with which it was measured
    "start.at_ram": Field("size", required=False),
    "start.by_size.*": Field("duration", required=False, star="size"),  # of a Wasm module: 150kB
    "start.extra_per_concurrent": Field("duration", required=False),
    "start.limit": Field("text", required=False, words=("lock", "cores")),  # what concurrent starts wait for
    "start.contention": Field("ratio", required=False),  # c of start x (1 + c (k - 1) / hardware threads)
    "start.crowding": Field("ratio", required=False),  # what each pod that the node has adds to c
    "start.cpu": Field("share", required=False),  # of its time: this part alone scales with a node's speed
    "start.rate": Field("frequency", required=False),  # most starts of a host
    "start.daemon": Field("duration", required=False),
    "start.speed": Field("ratio", positive=True),  # of the measuring host's cores: a time scales with it
    # Starts from something prepared (`simulator.runtime.warm`).
    "starts": Field("text", required=False, words=tuple(STARTS)),
    "start.warm": Field("duration", required=False, dist=True),  # module compiled, VM from a template
    "snapshot.how": Field("text", required=False),
    "snapshot.create": Field("duration", required=False),
    "snapshot.create_per_gib": Field("duration", required=False),  # of a guest's RAM beyond `create_ram`
    "snapshot.create_ram": Field("size", required=False),  # with which `create` was measured
    "snapshot.vmm": Field("duration", required=False, dist=True),  # until a VMM is there that restores
    "snapshot.restore": Field("duration", required=False, dist=True),  # with one vCPU, NIC and disk
    "snapshot.restore_ram": Field("size", required=False),  # with which `restore` was measured
    "snapshot.per_vcpu": Field("duration", required=False),  # each more, as the next two
    "snapshot.per_nic": Field("duration", required=False),
    "snapshot.per_disk": Field("duration", required=False),
    "snapshot.per_gib": Field("duration", required=False),  # of a guest's RAM beyond `restore_ram`
    "snapshot.nics": Field("count", required=False),  # that a guest has, 1 without
    "snapshot.disks": Field("count", required=False),  # likewise
    "pool.size": Field("count", required=False, positive=True),  # machines that wait on a node
    # How a running instance moves to another node (`simulator.runtime.migration`): what every page allows that says it.
    "migration.ways": Field("list", required=False, words=WAYS),
    "migration.downtime": Field("duration", required=False),  # that may be left of pre-copy, without which none is live
    "migration.rounds": Field("count", required=False, positive=True),  # of pre-copy at most, likewise
    "migration.dirty": Field("byterate", required=False),  # that an instance writes of which nobody says it, likewise
    "migration.bandwidth": Field("byterate", required=False, positive=True),  # of one migration
    "migration.timeout": Field("duration", required=False),  # after which it is given up, and
    "migration.timeout_per_gib": Field("duration", required=False),  # for each GiB, begun or whole
    "pause": Field("duration", required=False),  # of an instance that has nothing to do (`simulator.traffic.functions`)
    "resume": Field("duration", required=False),
    "stop": Field("duration", required=False, dist=True),
    # What it takes.
    "memory.per_instance": Field("size"),  # beyond the application's own
    "memory.shared": Field("size", required=False),  # once, however many instances
    "memory.vmm": Field("size", required=False),  # a VMM's own, beside whatever guest it has
    "memory.daemon": Field("size"),
    "memory.least": Field("size", required=False),  # with which an instance runs at all
    "minimum.ram": Field("size", required=False),  # of a node
    "overhead.memory": Field("size", required=False),  # of a pod, as its RuntimeClass declares it
    "overhead.cpu": Field("cpu", required=False),
    "binary": Field("size"),
    "slowdown": Field("ratio", positive=True),
    # What it needs and what it runs.
    "kvm": Field("flag"),
    "sgx": Field("flag", required=False),
    "oci": Field("flag"),
    "formats": Field("list", required=False, words=FORMATS),  # of images
    "wasi": Field("list", required=False, words=WASI),
    "languages": Field("list", required=False),  # that an application can be written in
    "rebuild": Field("duration", required=False),  # of an image, on any change
    # How it pulls.
    "pull.overlap": Field("flag", required=False),  # unpacks a layer while others still come
    "pull.pipelined": Field("flag", required=False),  # decompresses and writes a layer while it comes
    "pull.drops_archives": Field("flag", required=False),  # frees a layer's archive once it is unpacked
    "pull.unpacks_once": Field("flag", required=False),  # a layer that two pulls want at one time
    "pull.layers_at_once": Field("count", required=False, positive=True),  # over the node agent's
    "pull.verify": Field("byterate", required=False, positive=True),  # of archives, by one core
    "pull.unpack": Field("byterate", required=False, positive=True),  # of what comes out of them, by one core
    "pull.speed": Field("ratio", required=False, positive=True),  # of the cores that these two were measured on
    "pull.threads": Field("count", required=False, positive=True),  # that decompress a layer
    "pull.mount_per_layer": Field("duration", required=False),
    "pull.delta": Field("share", required=False),  # of a layer's size, where an earlier version of the image is there
    "pull.lazy": Field("share", required=False),  # of a layer's size, that is there before a container starts
    # The review's table 2.
    "language": Field("text", required=False),
    "embedding": Field("list", required=False),
    "review.deployments": Field("list", required=False),
    "review.responsible": Field("text", required=False),
    "review.stars": Field("count", required=False),
}


def of_role(role: str) -> frozenset[str]:
    """The stages of which a clock covers one at least that measures a runtime of this role."""
    stages = {"low-level": ("create", "vmm"), "unikernel": ("vmm",), "wasm": ("module",)}
    return frozenset(stages.get(role, (role,)))


def required(role: str) -> tuple[str, ...]:
    """What a runtime of this role states beyond every runtime's own fields. A selector runs nothing; what isolates is
    not the engine.
    """
    if role == "selector":
        return ()
    return ("start.clock", "formats") if role == "engine" else ("start.clock", "formats", "isolation")


# A page in a stack: one of the catalogue by its name, or a file of the user's, which begins with ./, ../ or / where it
# is not the first.
_PAGE: Final = re.compile(r"(\.{0,2}/.*?\.yaml|[^/]+)(?:/|$)")


def pages_of(name: str) -> tuple[str, ...]:
    """The pages of a stack from its top, as its name writes them: `containerd/./mine.yaml` is `containerd` and
    `./mine.yaml`.
    """
    return tuple(_PAGE.findall(name))


def handlers(name: str) -> tuple[str, ...]:
    """The names by which a RuntimeClass, or a service, asks for the stack that a node names so: the whole name, and
    what is left of it from each page further down: `containerd/kata/firecracker`, `kata/firecracker`, `firecracker`.
    A page that is a file is called by the name that stands on it, which is the file's.
    """
    pages = [PurePath(page).stem if page.endswith(".yaml") else page for page in pages_of(name)]
    return tuple("/".join(pages[at:]) for at in range(len(pages)))
