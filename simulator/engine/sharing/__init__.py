"""Bulk transfers that share links: fluid flows at max–min fair rates, each below its own cap."""

from simulator.engine.sharing.sharing import Sharing
from simulator.engine.sharing.transfer import Transfer

__all__ = ["Sharing", "Transfer"]
