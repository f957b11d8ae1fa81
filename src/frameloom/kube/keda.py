"""Finds, installs and deletes KEDA, which starts a Job for each waiting chunk."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import urllib3
import yaml
from urllib3.exceptions import HTTPError

from frameloom.kube.api import TIMEOUT, Cluster, Manifest
from frameloom.kube.fleet import in_order
from frameloom.model.errors import FarmUnavailable, InvalidRequest

VERSION = "2.21.0"
# The Kubernetes versions that this release is tested on. They must include the stack's cluster and the next versions,
# to which EKS upgrades it. Source: https://keda.sh/docs/latest/operate/cluster/, "Kubernetes Compatibility".
TESTED_ON = ("1.34", "1.35", "1.36")
RELEASE = f"https://github.com/kedacore/keda/releases/download/v{VERSION}/keda-{VERSION}.yaml"
# The namespace and operator of its release; the stack's role for KEDA is bound to this service account.
NAMESPACE, OPERATOR = "keda", "keda-operator"
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "scaledjobs.keda.sh")
GROUP = "keda.sh/"

# The label of a KEDA that `frameloom fleet deploy` installed; no other KEDA is ever deleted.
INSTALLED = {"frameloom/installed": "keda"}
# A pod gets credentials when it starts, so a pod that is older than its role's binding must restart. An annotation with
# the role in the pod template restarts it once. A field manager of its own keeps it apart from the release's fields.
IDENTITY, IDENTITY_MANAGER = "frameloom/pod-identity", "frameloom-identity"

# A release has more than a megabyte, for which the loader in Python takes ten times as long.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# The kinds of a release's objects in the order of deletion: first the objects that call others.
KINDS = (
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("apps/v1", "Deployment"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "Namespace"),
)


def needed(manifests: Iterable[Manifest]) -> bool:
    """Return whether any manifest needs KEDA."""
    return any(manifest["apiVersion"].startswith(GROUP) for manifest in manifests)


def operator(cluster: Cluster) -> dict[str, Any] | None:
    """Return the Deployment of KEDA's operator, from any namespace; None if it does not exist."""
    labels = {"app.kubernetes.io/name": OPERATOR}
    return next(iter(cluster.list("apps/v1", "Deployment", labels=labels)), None)


def missing(cluster: Cluster) -> bool:
    """Return whether KEDA is not installed, or `frameloom fleet deploy` was interrupted while installing it."""
    definition = cluster.find(*CRD)
    if definition is None:
        return True
    # The operator is applied last.
    return _ours(definition) and operator(cluster) is None


def ours(cluster: Cluster) -> bool:
    """Return whether KEDA was installed by `frameloom fleet deploy`."""
    definition = cluster.find(*CRD)
    return definition is not None and _ours(definition)


def version_of(deployment: Manifest) -> str:
    """Return the version of an operator from its image's tag."""
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2] or "unknown"


def is_older(version: str) -> bool:
    """Return whether a version of KEDA is older than `VERSION`; False if it is unknown."""
    numbers = version.removeprefix("v").split(".")
    return all(each.isdecimal() for each in numbers) and [*map(int, numbers)] < [*map(int, VERSION.split("."))]


def load(source: str) -> list[dict[str, Any]]:
    """Return the objects of a release, from a URL or a file, with the label `INSTALLED`.

    Raises:
        InvalidRequest: it is not a release of KEDA.
        FarmUnavailable: it cannot be downloaded.
    """
    try:
        documents = [document for document in yaml.load_all(_text(source), Loader=_LOADER) if document]
        for document in documents:
            metadata = document["metadata"]
            metadata["labels"] = (metadata.get("labels") or {}) | INSTALLED
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError, AttributeError):
        documents = []
    if not any(document["metadata"].get("name") == CRD[2] for document in documents):
        raise InvalidRequest(field="--keda-manifest", problem=f"{source!r} is not a release of KEDA") from None
    return documents


def install(cluster: Cluster, manifests: Iterable[Manifest]) -> None:
    """Apply a release, the operator last."""
    for manifest in sorted(in_order(manifests), key=_is_operator):
        cluster.apply(manifest)


def give_identity(cluster: Cluster, deployment: Manifest, role: str) -> bool:
    """Restart the operator's pods if they may be older than the binding of the role; return whether they restart."""
    metadata = deployment["metadata"]
    annotations = deployment["spec"]["template"].get("metadata", {}).get("annotations") or {}
    if annotations.get(IDENTITY) == role:
        return False
    template = {"metadata": {"annotations": {IDENTITY: role}}}
    cluster.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
            "spec": {"template": template},
        },
        manager=IDENTITY_MANAGER,
    )
    return True


def scaled(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """Yield all objects that KEDA scales, foreign ones too."""
    for kind in ("ScaledJob", "ScaledObject"):
        yield from cluster.list("keda.sh/v1alpha1", kind)


def installed(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """Yield the objects of a KEDA that `frameloom fleet deploy` installed, in the order of deletion."""
    for api_version, kind in KINDS:
        yield from cluster.list(api_version, kind, labels=INSTALLED)


def _is_operator(manifest: Manifest) -> bool:
    return (manifest["kind"], manifest["metadata"]["name"]) == ("Deployment", OPERATOR)


def _ours(definition: Manifest) -> bool:
    return INSTALLED.items() <= (definition["metadata"].get("labels") or {}).items()


def _text(source: str) -> str:
    if "://" not in source:
        return Path(source).read_text(encoding="utf-8")
    # A manipulated download would control the cluster.
    if not source.startswith("https://"):
        raise InvalidRequest(field="--keda-manifest", problem=f"takes a file or an https URL, not {source!r}")
    hint = "download it on another machine, and pass the file as --keda-manifest"
    try:
        response = urllib3.request("GET", source, timeout=urllib3.Timeout(connect=TIMEOUT[0], read=TIMEOUT[1]))
    except HTTPError as error:
        raise FarmUnavailable(problem=f"KEDA cannot be downloaded from {source} ({error}): {hint}.") from None
    if response.status != 200:
        raise FarmUnavailable(problem=f"KEDA cannot be downloaded from {source} (HTTP {response.status}): {hint}.")
    return response.data.decode("utf-8")
