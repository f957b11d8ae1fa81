"""The manifests of cluster/ as they reach a cluster, and the schemas they are held against."""

import copy
import functools
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from samtranslator.yaml_helper import yaml_parse

from tests.conformance.toolbox import ROOT, run

Manifest = dict[str, Any]

CLUSTER = ROOT / "cluster"
SCHEMAS = CLUSTER / "schemas"
OVERLAYS = sorted(folder.name for folder in (CLUSTER / "overlays").iterdir())
TEMPLATE: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
VERSION: str = TEMPLATE["Parameters"]["KubernetesVersion"]["Default"]


def rendered(folder: Path) -> list[Manifest]:
    """Return the output of kubectl's kustomize for a folder."""
    kubectl = shutil.which("kubectl", path=str(Path(sys.executable).parent))
    assert kubectl is not None, "kubectl belongs to the group `test`"
    ended = run([kubectl, "kustomize", str(folder)])
    assert ended.returncode == 0, ended.stderr
    return list(yaml.safe_load_all(ended.stdout))


def overlay(name: str) -> list[Manifest]:
    """Return an overlay's manifests as they are committed: the caller's own, to plant faults in."""
    return copy.deepcopy(_overlay(name))


@functools.cache
def _overlay(name: str) -> list[Manifest]:
    return rendered(CLUSTER / "overlays" / name)


def deployed(folder: Path, *, overlay: str, namespace: str = "frameloom") -> list[Manifest]:
    """Return an overlay with the kustomization of cluster/README.md around it, which `fleet deploy` writes, too."""
    shutil.copytree(CLUSTER, folder / "cluster")
    kustomization = yaml.safe_load(readme_block())
    kustomization |= {"namespace": namespace, "resources": [f"../overlays/{overlay}"]}
    (folder / "cluster/mine").mkdir()
    (folder / "cluster/mine/kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return rendered(folder / "cluster/mine")


def readme_block() -> str:
    """Return the kustomization in cluster/README.md."""
    text = (CLUSTER / "README.md").read_text(encoding="utf-8")
    return text.split("```yaml\n", maxsplit=1)[1].split("```", maxsplit=1)[0]


def the(manifests: list[Manifest], kind: str) -> Manifest:
    """Return the one manifest of a kind, beside those of the Job cleanup, which has a pod of its own."""
    (found,) = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] != "job-cleanup"]
    return found


def pod_template(manifests: list[Manifest]) -> Manifest:
    """Return the template of the worker's pods: of whatever there is exactly one of to run them."""
    templates = [
        spec["jobTargetRef"]["template"] if kind == "ScaledJob" else spec["template"]
        for kind, spec in ((each["kind"], each.get("spec", {})) for each in manifests)
        if kind in ("ScaledJob", "Deployment")
    ]
    (template,) = templates
    found: Manifest = template
    return found


def container(manifests: list[Manifest]) -> Manifest:
    """Return the worker's container, the only one of its pod."""
    (found,) = pod_template(manifests)["spec"]["containers"]
    only: Manifest = found
    return only


def environment(manifests: list[Manifest]) -> dict[str, Any]:
    """Return the worker's environment: values, or from where they come."""
    config = the(manifests, "ConfigMap")["data"]
    own = {each["name"]: each.get("value", each.get("valueFrom")) for each in container(manifests)["env"]}
    return {**config, **own}


def problems(manifest: Manifest) -> list[str]:
    """Return the problems of a manifest by the schema of its kind; a kind without a schema is a problem."""
    schema = SCHEMAS / manifest["apiVersion"] / f"{manifest['kind']}.json"
    if not schema.exists():
        return _core_problems(manifest)
    loaded = json.loads(schema.read_text(encoding="utf-8"))
    if manifest["kind"] == "ClusterConfig":
        return _problems(manifest, loaded)
    strangers = set(manifest) - {"apiVersion", "kind", "metadata", "spec"}
    found = [f"unknown: {name}" for name in sorted(strangers)] + _problems(manifest.get("spec"), loaded)
    # Kubernetes' own parts, each by its own type.
    found += _core_problems({"apiVersion": "v1", "kind": "ConfigMap", "metadata": manifest["metadata"]})
    if manifest["kind"] == "ScaledJob":
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {}, "spec": manifest["spec"].get("jobTargetRef")}
        found += _core_problems(job)
    return found


def _problems(value: Any, schema: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(value)]


def _core_problems(manifest: Manifest) -> list[str]:
    try:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    except kubernetes_validate.SchemaNotFoundError as error:
        return [error.message]
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message}"]
    return []
