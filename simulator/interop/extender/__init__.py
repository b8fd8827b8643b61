"""A placement policy as an extender of a real kube-scheduler: what was studied here, tried on a cluster."""
