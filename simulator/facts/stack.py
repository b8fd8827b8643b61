"""What the page of a runtime says. A runtime in use is a stack of pages named from the top: `containerd/runc`,
`containerd/kata/firecracker`, `containerd/urunc/qemu/unikraft`, `containerd/crun/wasmedge`.

Sources measure different stretches of a start, so a time stands with its clock: `start.clock` names the stretch that
`start.container` is, and `CLOCKS` says which stages of a stack it covers. Times of one clock may be compared; times of
different clocks are composed, from the top of the stack down: a page's time, memory and slowdown count where its clock
covers a stage that no page above it covered. What was measured on other clocks than the page's own stands under
`start.spans.<clock>`: a composition is checked against it, and never made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
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

MODES: Final = ("native", "user-kernel", "virtualised", "interpreter", "single-pass", "jit", "aot")
ISOLATION: Final = ("process", "user-kernel", "vm", "language", "enclave")
FORMATS: Final = ("oci", "wasm", "rootfs", "unikernel", "nabla", "capstan", "appc", "pantavisor")  # of images
WASI: Final = (
    "preview1", "preview2", "sockets", "nn", "crypto", "proxy-wasm", "threads", "wasix", "async",
)  # fmt: skip

RUNTIMES: Final[Mapping[str, Field]] = {
    "platforms": Field("platforms"),
    # Its place in a stack: what it drives where the name stops here, and what alone it can drive (default: any).
    "role": Field("text", required=False, words=ROLES),
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
    "start.under.*.total": Field("duration", required=False, dist=True),  # a unikernel's, by VMM
    "start.under.*.vmm": Field("duration", required=False),
    "start.under.*.guest": Field("duration", required=False),
    "start.by_size.*": Field("duration", required=False, star="size"),  # of a Wasm module: 150kB
    "start.extra_per_concurrent": Field("duration", required=False),
    "start.limit": Field("text", required=False, words=("lock", "cores")),  # what concurrent starts wait for
    "start.contention": Field("ratio", required=False),  # c of start x (1 + c (k - 1) / hardware threads)
    "start.cpu": Field("share", required=False),  # of its time: this part alone scales with a node's speed
    "start.rate": Field("frequency", required=False),  # most starts of a host
    "start.daemon": Field("duration", required=False),
    "start.speed": Field("ratio"),  # of the measuring host's cores: a time scales with it
    # Starts from something prepared.
    "start.warm": Field("duration", required=False, dist=True),  # module compiled, VM from a template
    "snapshot.how": Field("text", required=False),
    "snapshot.create": Field("duration", required=False),
    "snapshot.restore": Field("duration", required=False, dist=True),  # 1 vCPU, 128 MiB, one NIC, one disk
    "snapshot.per_vcpu": Field("duration", required=False),
    "snapshot.per_nic": Field("duration", required=False),
    "snapshot.per_disk": Field("duration", required=False),
    "snapshot.per_gib": Field("duration", required=False),
    "pause": Field("duration", required=False),
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
    "slowdown": Field("ratio"),
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
    "pull.layers_at_once": Field("count", required=False),  # over the node agent's
    "pull.verify": Field("byterate", required=False),  # of archives, by one core
    "pull.unpack": Field("byterate", required=False),  # of what comes out of them, by one core
    "pull.speed": Field("ratio", required=False),  # of the cores that these two were measured on
    "pull.threads": Field("count", required=False),  # that decompress a layer
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


def handlers(name: str) -> tuple[str, ...]:
    """The names by which a RuntimeClass, or a service, asks for the stack that a node names so: the whole name, and
    what is left of it from each page further down: `containerd/kata/firecracker`, `kata/firecracker`, `firecracker`.
    """
    pages = name.split("/")
    return tuple("/".join(pages[at:]) for at in range(len(pages)))
