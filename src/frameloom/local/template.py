"""template.yaml as the CloudFormation that the emulator deploys: what `sam deploy` would send, made of local files.

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

# Which property of a resource names a file or a folder beside the template, for `sam deploy` to upload.
_UPLOADED = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}

# What a farm on one machine has no use for, by the type of resource, and why. It costs the emulator the services
# that hold it, which take longer to start than all that the farm needs; see frameloom.local.stub_services.
LEFT_OUT = {
    "AWS::CloudFormation::Stack": "the cluster: here workers are processes of this machine",
    "AWS::EKS::PodIdentityAssociation": "who a pod is: there are no pods",
    "AWS::ECR::Repository": "the workers' image: here they run from the checkout",
    "AWS::CloudWatch::Alarm": "nobody is to be woken: whoever started the farm sits before it",
    "AWS::SNS::Topic": "as the alarms",
    "AWS::SNS::TopicPolicy": "as the alarms",
    "AWS::SNS::Subscription": "as the alarms",
}
# Template parameters with another default on a local farm. A scene's code would run as the user of this machine, so
# only the command line may allow it.
LOCAL_DEFAULTS = {"Cluster": "none", "TrustedScripts": "refuse"}


def local_template(
    path: Path, parameters: Mapping[str, str], *, leave_out: Collection[str] = LEFT_OUT.keys()
) -> dict[str, Any]:
    """Return the CloudFormation that SAM makes of the template at `path`, given values for its parameters.

    What `sam deploy` would upload to S3 is said to lie in the bucket `LOCAL_FILES` under its absolute path; what
    `LEFT_OUT` lists is not there, nor what refers to it; all else is as SAM leaves it. `leave_out` lists other types.

    Raises:
        FarmUnavailable: saying what is wrong with the template, or what it names that is not there.
    """
    try:
        template = yaml_parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FarmUnavailable(problem=f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict):
        raise FarmUnavailable(problem=f"{path} is no template")
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
        raise FarmUnavailable(problem=f"{path} is no valid SAM template: {causes}") from None
    _leave_out(leave_out, transformed)
    return transformed


def _leave_out(types: Collection[str], template: dict[str, Any]) -> None:
    """Take resources of some types out of a template; a rule stays, and loses the targets that are gone."""
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
    """Yield what a part of a template refers to: by Ref, Fn::GetAtt, Fn::Sub or DependsOn."""
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
    """Return the defaults for all functions, layers and state machines in the shape of resources."""
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
    place = (folder / uri).resolve()
    if not place.exists():
        raise FarmUnavailable(problem=f"{place} is not there, but the template names it")
    resource["Properties"][name] = {"Bucket": LOCAL_FILES, "Key": str(place)}
