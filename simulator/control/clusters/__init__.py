"""Clusters of clusters: a hub that knows its members, divides workloads over them, and hears what became of them."""
