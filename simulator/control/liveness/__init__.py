"""Who is believed to be alive, and what follows from it: leases, zones, taints, evictions, leaders."""
