"""What a container engine and a node agent do with images: plain numbers that come from facts, never from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class EnginePull:
    """How a container engine pulls. Rates are those of one reference core; without one, the CPU takes no time."""

    overlap: bool = True  # a layer is unpacked while others still come; else when all have come
    pipelined: bool = False  # a layer is decompressed and written while it comes
    keeps_archives: bool = False
    unpacks_once: bool = True  # a layer that two pulls want at one time; else each pull does the work
    layers_at_once: int | None = None  # over the node agent's
    verify_bytes_per_s: float | None = None  # of an archive
    unpack_bytes_per_s: float | None = None  # of what comes out of it
    threads: int = 1  # that decompress a layer
    mount_ns: int = 0  # per layer, beside the rest
    delta: float = 1.0  # of a layer's bytes, that travel where an earlier version of the image is here
    lazy: float = 1.0  # of a layer's bytes, that have to be here before a container starts


PLAIN: Final = EnginePull()


@dataclass(frozen=True, slots=True)
class ImageGcSettings:
    """When an agent deletes images that nothing uses. Shares are of the disk; times in ns."""

    high: float  # from this use on
    low: float  # down to this one
    least_age_ns: int  # of an image, since the agent has seen it
    check_ns: int  # how often it looks


@dataclass(frozen=True, slots=True)
class DiskSettings:
    """When a disk is short, and how an agent goes about it. Shares are of the disk; times in ns."""

    least: float  # that has to be free: evictionHard imagefs.available or nodefs.available, the higher
    reclaim: float  # beyond it, before the disk is no longer short
    check_ns: int  # period of the eviction manager
    cleanup_ns: int  # how often it looks whether an evicted pod has gone
    transition_ns: int  # evictionPressureTransitionPeriod
