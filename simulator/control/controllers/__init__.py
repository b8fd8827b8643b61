"""Control loops over API objects: ReplicaSet, Deployment, DaemonSet, Job, endpoints, pod garbage."""
