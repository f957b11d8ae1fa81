"""Network policies, which EKS Auto Mode enforces only after a setting for the whole cluster."""

from pathlib import Path

import yaml

from frameloom.kube.api import Cluster

# The manifest of the setting, beside the overlays. It stays when a fleet is deleted, since it applies to the cluster.
FILE = "network-policies.yaml"
_KEY = "enable-network-policy-controller"


def enforce_policies(cluster: Cluster, folder: Path, *, stack: bool, eks: bool) -> str | None:
    """Turn the setting on in a cluster that the stack owns; return a warning for another EKS cluster without it.

    Args:
        cluster: the fleet's cluster.
        folder: the folder with the setting's manifest.
        stack: whether the stack owns the cluster.
        eks: whether this is an EKS cluster; other clusters have their own settings.
    """
    if stack:
        cluster.apply(yaml.safe_load((folder / FILE).read_text(encoding="utf-8")))
        return None
    if not eks:
        return None
    setting = cluster.find("v1", "ConfigMap", "amazon-vpc-cni", namespace="kube-system")
    if setting is not None and (setting.get("data") or {}).get(_KEY) == "true":
        return None
    return (
        f"The cluster {cluster.name} may not enforce network policies, so that workers can connect to more than AWS. "
        f"To enforce them in the whole cluster, run `kubectl apply --server-side -f cluster/{FILE}`."
    )
