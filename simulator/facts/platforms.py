"""The OCI platforms: what an image may be built for and what a node may be."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from simulator.units import UnitError

# os/architecture[/variant] of the OCI image specification, which takes Go's GOOS and GOARCH; WebAssembly as
# containerd's wasm shims write it; and, in the same form, microcontrollers, for which no image is built: only a Wasm
# interpreter runs there.
PLATFORMS: Final = frozenset(
    f"linux/{arch}"
    for arch in (
        "386", "amd64", "arm/v5", "arm/v6", "arm/v7", "arm64", "loong64", "mips", "mips64le", "mipsle", "ppc64le",
        "riscv64", "s390x",
    )
) | {
    "windows/amd64", "windows/arm64", "wasi/wasm", "wasip1/wasm",
    "arduino/avr", "freertos/xtensa", "zephyr/arc", "zephyr/arm", "zephyr/riscv32", "zephyr/riscv64",
}  # fmt: skip

# Systems of microcontrollers.
SMALL: Final = frozenset(("arduino", "freertos", "zephyr"))

# What an image is built for that is a Wasm module.
WASM: Final = frozenset({"wasi/wasm", "wasip1/wasm"})

_ALSO_CALLED: Final = {
    "x86_64": "linux/amd64", "x86-64": "linux/amd64", "amd64": "linux/amd64", "i386": "linux/386",
    "aarch64": "linux/arm64", "arm64": "linux/arm64", "armv8": "linux/arm64", "linux/arm64/v8": "linux/arm64",
    "armhf": "linux/arm/v7", "armv7": "linux/arm/v7", "armv7l": "linux/arm/v7", "linux/arm": "linux/arm/v7",
    "armv6": "linux/arm/v6", "wasm": "wasi/wasm", "linux/x86_64": "linux/amd64", "linux/aarch64": "linux/arm64",
}  # fmt: skip


def platform(text: object) -> str:
    """The platform as written, if it is one. Raises UnitError with the nearest name."""
    if isinstance(text, str) and text in PLATFORMS:
        return text
    near = _ALSO_CALLED.get(str(text).lower()) or next(iter(get_close_matches(str(text), PLATFORMS, 1, 0.5)), "")
    hint = f"did you mean {near}?" if near else "write os/architecture, as in linux/arm64"
    raise UnitError(f"{text!r} is no OCI platform", hint)
