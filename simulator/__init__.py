"""Littoral: the IoT-edge-cloud continuum, simulated."""
