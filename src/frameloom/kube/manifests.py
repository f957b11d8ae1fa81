"""Renders the manifests of a stack's fleet, from an overlay and the stack's outputs, with kubectl's kustomize."""

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
# Labels of all objects of a fleet: objects without them are never changed or deleted.
MANAGED_BY, OURS = "app.kubernetes.io/managed-by", "frameloom"
STACK = "frameloom/stack"
# Names in the manifests: of the image, and of the ScaledJob, HorizontalPodAutoscaler or Deployment.
IMAGE, WORKER = "frameloom-worker", "worker"
# The longest value of a label, in characters; a stack's name may be twice as long.
LABEL_LENGTH = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A fleet's settings: the worker's image, the values of its ConfigMap, and the largest number of workers."""

    stack: str
    namespace: str
    image: str
    config: Mapping[str, str]
    max_workers: int | None = None


def labels_of(stack: str) -> dict[str, str]:
    """Return the labels of the objects of a stack's fleet."""
    if len(stack) > LABEL_LENGTH:
        stack = f"{stack[: LABEL_LENGTH - 13]}-{hashlib.sha256(stack.encode()).hexdigest()[:12]}"
    return {MANAGED_BY: OURS, STACK: stack}


def render(cluster: Path, overlay: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the objects of a fleet.

    Args:
        cluster: the folder of the base and the overlays.
        overlay: one of `OVERLAYS`, or a folder with a kustomization of the user's own.
        settings: the values to fill in.

    Raises:
        InvalidRequest: the overlay does not exist, or kustomize fails.
        FarmUnavailable: kubectl or the folder `cluster` is missing.
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
        # JSON is valid YAML, and quotes any value of an output.
        (top / "kustomization.yaml").write_text(json.dumps(document, indent=2), encoding="utf-8")
        # With a kubeconfig, kustomize would ask the user's current cluster for its version.
        alone = os.environ | {"KUBECONFIG": os.devnull}
        completed = subprocess.run(
            [kubectl, "kustomize", str(top)], capture_output=True, text=True, check=False, env=alone
        )
    if completed.returncode:
        problem = " ".join(completed.stderr.split()).removeprefix("error: ").replace(scratch, "").rstrip(".")
        raise InvalidRequest(field="--overlay", problem=f"kustomize failed for {overlay!r}: {problem}")
    return [document for document in yaml.safe_load_all(completed.stdout) if document]


def kustomization(overlay: str, settings: Settings, *, local: bool) -> dict[str, Any]:
    """Return the kustomization that adds the settings to an overlay."""
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
    """Return the patches that set the largest number of workers; patches without a target have no effect."""
    fields = [("ScaledJob", "/spec/maxReplicaCount"), ("HorizontalPodAutoscaler", "/spec/maxReplicas")]
    # A local fleet has no scaler. Elsewhere the scaler sets the replicas of a Deployment.
    fields += [("Deployment", "/spec/replicas")] if local else []
    return [
        {
            "target": {"kind": kind, "name": WORKER},
            "patch": json.dumps([{"op": "replace", "path": path, "value": workers}]),
        }
        for kind, path in fields
    ]


def _image(uri: str) -> dict[str, str]:
    """Return an image's name and its tag or digest, as kustomize expects them."""
    name, at, digest = uri.partition("@")
    if at:
        return {"newName": name, "digest": digest}
    folder, slash, leaf = uri.rpartition("/")
    # A colon before the last slash precedes a registry's port.
    leaf, colon, tag = leaf.partition(":")
    return {"newName": folder + slash + leaf, "newTag": tag if colon else "latest"}


def _overlay(overlay: str, top: Path) -> str:
    """Return the path of an overlay, relative to the generated kustomization in `top`."""
    if overlay in OVERLAYS:
        return f"../overlays/{overlay}"
    folder = Path(overlay).resolve()
    if not folder.is_dir():
        raise InvalidRequest(field="--overlay", problem=f"takes {', '.join(OVERLAYS)} or a folder, not {overlay!r}")
    # Not a copy: its own references are relative. kustomize accepts no absolute path.
    return os.path.relpath(folder, top)


def _find_kubectl() -> str:
    # A virtual environment may contain kubectl without being on the path.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    found = shutil.which("kubectl", path=path)
    if found is None:
        raise FarmUnavailable(
            problem="kubectl is not installed, and its kustomize is needed to render the manifests: "
            "see https://kubernetes.io/docs/tasks/tools/."
        )
    return found
