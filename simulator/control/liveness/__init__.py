"""Who is believed alive: leases, the node lifecycle controller's passes, taints, zones, evictions."""
