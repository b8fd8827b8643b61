"""What can be written: experiments, scenarios, topologies, workloads, faults, manifests, orchestrator pages."""
