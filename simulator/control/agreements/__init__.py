"""Negotiated agreements, as in Open Horizon: a hub that is polled, and never contacts a node by itself."""
