"""template.yaml as the CloudFormation that the emulator deploys: like that of `sam deploy`, but with local files.

Pure: it reads the template and returns a value.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import yaml
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from frameloom.local.environment import LOCAL_FILES, REGION
from frameloom.model.errors import FarmUnavailable

# The property of a resource that names a file or folder beside the template, which `sam deploy` uploads.
_UPLOADED = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}

# Resource types that a farm on one machine does not need, with the reason. Their services would take the emulator
# longer to import than all services that the farm needs; see frameloom.local.stub_services.
LEFT_OUT = {
    "AWS::CloudFormation::Stack": "the cluster: workers are processes of this machine",
    "AWS::EKS::PodIdentityAssociation": "the role of pods: a local farm has no pods",
    "AWS::ECR::Repository": "the workers' image: workers run from the checkout",
    "AWS::CloudWatch::Alarm": "alarms: the user of the farm watches it",
    "AWS::SNS::Topic": "notifications of alarms",
    "AWS::SNS::TopicPolicy": "notifications of alarms",
    "AWS::SNS::Subscription": "notifications of alarms",
}
# Template parameters with another default on a local farm. A scene's code would run as the user of this machine, so
# only the command line may allow it.
LOCAL_DEFAULTS = {"Cluster": "none", "TrustedScripts": "refuse"}


def local_template(
    path: Path, parameters: Mapping[str, str], *, leave_out: Collection[str] = LEFT_OUT.keys()
) -> dict[str, Any]:
    """Return the CloudFormation that SAM makes of the template at `path` with these parameters.

    A file that `sam deploy` would upload to S3 is in the bucket `LOCAL_FILES`, with its absolute path as the key.
    Resources of the types `leave_out` are removed, and so are resources that refer to them.

    Raises:
        FarmUnavailable: the template is not valid, or a file that it names does not exist.
    """
    try:
        template = yaml_parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FarmUnavailable(problem=f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict):
        raise FarmUnavailable(problem=f"{path} is not a template: it must be a mapping with Resources")
    for name, value in LOCAL_DEFAULTS.items():
        if name in template.get("Parameters", {}):
            template["Parameters"][name]["Default"] = value
    for section in [*template.get("Resources", {}).values(), *_globals(template)]:
        _leave_on_disk(section, path.parent)
    try:
        translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
        transformed: dict[str, Any] = translator.translate(template, parameter_values=dict(parameters))
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise FarmUnavailable(problem=f"{path} is not a valid SAM template: {causes}") from None
    _leave_out(leave_out, transformed)
    return transformed


def _leave_out(types: Collection[str], template: dict[str, Any]) -> None:
    """Remove resources of some types from a template. A rule stays without its removed targets."""
    resources, outputs = template["Resources"], template.get("Outputs", {})
    gone = {name for name, resource in resources.items() if resource["Type"] in types}
    while True:
        for rule in (found["Properties"] for found in resources.values() if found["Type"] == "AWS::Events::Rule"):
            rule["Targets"] = [target for target in rule.get("Targets", []) if gone.isdisjoint(_references(target))]
        more = {name for name, resource in resources.items() if not gone.isdisjoint(_references(resource))} - gone
        if not more:
            break
        gone |= more
    _remove(gone, resources)
    _remove([name for name, output in outputs.items() if not gone.isdisjoint(_references(output))], outputs)


def _remove(names: Collection[str], mapping: dict[str, Any]) -> None:
    for name in names:
        mapping.pop(name, None)


def _references(value: Any) -> Iterator[str]:
    """Yield the names to which a part of a template refers: by Ref, Fn::GetAtt, Fn::Sub or DependsOn."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _referred(key, item)
            yield from _references(item)


def _referred(key: str, value: Any) -> Iterator[str]:
    text = value[0] if isinstance(value, list) and value else value
    if key in ("Ref", "Fn::GetAtt") and isinstance(text, str):
        yield text.split(".")[0]
    elif key == "Fn::Sub" and isinstance(text, str):
        yield from (name.split(".")[0] for name in re.findall(r"\$\{([^!}][^}]*)\}", text))
    elif key == "DependsOn":
        yield from value if isinstance(value, list) else [value]


def _globals(template: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the defaults for all functions, layers and state machines as resources."""
    kinds = {kind.rpartition("::")[2]: kind for kind in _UPLOADED}
    defaults = template.get("Globals", {})
    return [{"Type": kinds[name], "Properties": defaults[name]} for name in defaults if name in kinds]


def _leave_on_disk(resource: Mapping[str, Any], folder: Path) -> None:
    name = _UPLOADED.get(resource.get("Type", ""))
    if name is None:
        return
    uri = resource.get("Properties", {}).get(name)
    if not isinstance(uri, str) or uri.startswith("s3://"):
        return
    path = (folder / uri).resolve()
    if not path.exists():
        raise FarmUnavailable(problem=f"{path} does not exist, but the template names it")
    resource["Properties"][name] = {"Bucket": LOCAL_FILES, "Key": str(path)}
