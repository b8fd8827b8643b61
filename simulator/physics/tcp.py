"""What one TCP connection carries at most, however much the links offer."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt
from typing import Final

from simulator.units import SECOND

# Congestion avoidance that loses one segment in 1/p and has every segment acknowledged: √(3/2), as Mathis et al. derive
# it; with delayed acknowledgements it would be √(3/4), so this is the upper one of their bounds.
_MATHIS: Final = sqrt(1.5)


@dataclass(frozen=True, slots=True)
class TcpBounds:
    """The largest window that is ever open, and the segment's payload, both in bytes."""

    window_bytes: int
    segment_bytes: int

    def rate_bps(self, round_trip_ns: int, loss: float) -> float:
        """The largest rate over a path with this round trip (ns) and this probability of losing a segment, in bit/s.

        A window a round trip (RFC 9293), and MSS / RTT · √(3/2) / √p where segments are lost (M. Mathis, J. Semke,
        J. Mahdavi and T. Ott, The Macroscopic Behavior of the TCP Congestion Avoidance Algorithm, Computer
        Communication Review 27(3), 1997). The second is Reno's, and CUBIC's too where it falls back to Reno's rate, as
        it does at round trips and losses like those of an access network (RFC 9438, section 4.3). Time-outs, which
        slow a connection down further where much is lost, are not in it. Without a round trip there is no bound.
        """
        if round_trip_ns == 0:
            return inf
        bytes_ = float(self.window_bytes)
        if loss:
            bytes_ = min(bytes_, self.segment_bytes * _MATHIS / sqrt(loss))
        return bytes_ * 8 * SECOND / round_trip_ns
