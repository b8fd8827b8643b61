"""Our subset of Kubernetes' objects: read as they are written, with every omission reported by name."""

from simulator.spec.kubernetes.base import K8sObject
from simulator.spec.kubernetes.kinds import KINDS
from simulator.spec.kubernetes.read import Manifest, parse_manifest, read_manifest

__all__ = ["KINDS", "K8sObject", "Manifest", "parse_manifest", "read_manifest"]
