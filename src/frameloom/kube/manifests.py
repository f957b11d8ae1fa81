"""The manifests of one stack's fleet: an overlay filled in with the stack's outputs, by kubectl's kustomize."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from frameloom.model.errors import FarmUnavailable, InvalidRequest

OVERLAYS = ("keda", "hpa", "spot", "gpu", "local")
# What every object of a fleet carries, so that nobody else's is ever changed or deleted.
MANAGED_BY, OURS = "app.kubernetes.io/managed-by", "frameloom"
STACK = "frameloom/stack"
# The name of the image in the manifests, and of what scales.
IMAGE, WORKER = "frameloom-worker", "worker"
# What Kubernetes takes as a label's value, in characters; a stack's name may be twice as long.
LABEL_LENGTH = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a fleet is given: the worker's image, its ConfigMap, and how many workers there may be at most."""

    stack: str
    namespace: str
    image: str
    config: Mapping[str, str]
    max_workers: int | None = None


def labels_of(stack: str) -> dict[str, str]:
    """Return the labels that tell the objects of a stack's fleet from all others."""
    if len(stack) > LABEL_LENGTH:
        stack = f"{stack[: LABEL_LENGTH - 13]}-{hashlib.sha256(stack.encode()).hexdigest()[:12]}"
    return {MANAGED_BY: OURS, STACK: stack}


def render(cluster: Path, overlay: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the objects of a fleet, as its overlay and its settings have them.

    Args:
        cluster: the folder of the base and the overlays.
        overlay: one of `OVERLAYS`, or a folder with a kustomization of one's own on top of them.
        settings: what is filled in.

    Raises:
        InvalidRequest: there is no such overlay, or kustomize does not take it.
        FarmUnavailable: there is no kubectl here, or no folder `cluster`.
    """
    kubectl = _find_kubectl()
    if not (cluster / "base").is_dir():
        raise FarmUnavailable(problem=f"There are no manifests at {cluster}: run this from a checkout of Frameloom.")
    with tempfile.TemporaryDirectory(prefix="frameloom-") as scratch:
        folder = Path(scratch).resolve() / "cluster"
        shutil.copytree(cluster, folder)
        top = folder / "deploy"
        top.mkdir()
        document = kustomization(_overlay(overlay, top), settings, local=overlay == "local")
        # JSON is YAML too, and quotes whatever an output may hold.
        (top / "kustomization.yaml").write_text(json.dumps(document, indent=2), encoding="utf-8")
        # It would ask the user's current cluster for its version, which may be any, or out of reach.
        alone = os.environ | {"KUBECONFIG": os.devnull}
        ended = subprocess.run([kubectl, "kustomize", str(top)], capture_output=True, text=True, check=False, env=alone)
    if ended.returncode:
        problem = " ".join(ended.stderr.split()).removeprefix("error: ").replace(scratch, "").rstrip(".")
        raise InvalidRequest(field="--overlay", problem=f"kustomize does not take {overlay!r}: {problem}")
    return [document for document in yaml.safe_load_all(ended.stdout) if document]


def kustomization(overlay: str, settings: Settings, *, local: bool) -> dict[str, Any]:
    """Return the kustomization that stands on top of an overlay."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": settings.namespace,
        "resources": [overlay],
        "labels": [{"pairs": labels_of(settings.stack)}],
        "images": [{"name": IMAGE, **_image(settings.image)}],
        "configMapGenerator": [
            {
                "name": "farm",
                "behavior": "merge",
                "options": {"disableNameSuffixHash": True},
                "literals": [f"{name}={value}" for name, value in settings.config.items()],
            }
        ],
        "patches": [] if settings.max_workers is None else _limits(settings.max_workers, local=local),
        "transformers": ["../wiring"],
    }


def _limits(workers: int, *, local: bool) -> list[dict[str, Any]]:
    """Return the patches that set how many workers there may be; one whose target is not there does nothing."""
    fields = [("ScaledJob", "/spec/maxReplicaCount"), ("HorizontalPodAutoscaler", "/spec/maxReplicas")]
    # Nothing scales a local fleet. Elsewhere the replicas of a Deployment belong to what scales it.
    fields += [("Deployment", "/spec/replicas")] if local else []
    return [
        {
            "target": {"kind": kind, "name": WORKER},
            "patch": json.dumps([{"op": "replace", "path": path, "value": workers}]),
        }
        for kind, path in fields
    ]


def _image(uri: str) -> dict[str, str]:
    """Return an image's name and its tag or digest, as kustomize takes them."""
    name, at, digest = uri.partition("@")
    if at:
        return {"newName": name, "digest": digest}
    folder, slash, leaf = uri.rpartition("/")
    # A colon before the last slash is that of a registry's port.
    leaf, colon, tag = leaf.partition(":")
    return {"newName": folder + slash + leaf, "newTag": tag if colon else "latest"}


def _overlay(overlay: str, top: Path) -> str:
    """Return an overlay as the generated kustomization, which lies in `top`, refers to it."""
    if overlay in OVERLAYS:
        return f"../overlays/{overlay}"
    folder = Path(overlay).resolve()
    if not folder.is_dir():
        raise InvalidRequest(field="--overlay", problem=f"takes {', '.join(OVERLAYS)} or a folder, not {overlay!r}")
    # Where it lies, since its own references are relative; kustomize takes no absolute path.
    return os.path.relpath(folder, top)


def _find_kubectl() -> str:
    # Beside the interpreter too: an environment that holds kubectl need not be on the path.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    found = shutil.which("kubectl", path=path)
    if found is None:
        raise FarmUnavailable(
            problem="kubectl is not installed here, and its kustomize makes the manifests: "
            "see https://kubernetes.io/docs/tasks/tools/."
        )
    return found
