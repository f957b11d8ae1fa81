"""Whether the cluster enforces network policies: EKS Auto Mode does once a setting of the whole cluster says so."""

from pathlib import Path

import yaml

from frameloom.kube.api import Cluster

# The manifest of the setting, beside the overlays. It stays when a fleet goes, since it is the cluster's.
FILE = "network-policies.yaml"
_KEY = "enable-network-policy-controller"


def enforce_policies(cluster: Cluster, folder: Path, *, stack: bool, eks: bool) -> str | None:
    """Turn the setting on where the cluster is the stack's own; return a warning where it is off elsewhere.

    Args:
        cluster: where.
        folder: where the manifest of the setting lies.
        stack: whether the cluster was created with the stack.
        eks: whether it is a cluster of EKS at all; others have settings of their own.
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
        f"The cluster {cluster.name} may not enforce network policies, so workers reach more than AWS: "
        f"`kubectl apply --server-side -f cluster/{FILE}` turns that on for the whole cluster."
    )
