"""template.yaml as the CloudFormation that the emulator deploys: what `sam deploy` would send, made of local files.

Pure: it reads the template and returns a value.
"""

from collections.abc import Mapping
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


def local_template(path: Path, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the CloudFormation that SAM makes of the template at `path`, given values for its parameters.

    What `sam deploy` would upload to S3 is said to lie in the bucket `LOCAL_FILES` under its absolute path; all
    else is as SAM leaves it.

    Raises:
        FarmUnavailable: saying what is wrong with the template, or what it names that is not there.
    """
    try:
        template = yaml_parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FarmUnavailable(problem=f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(template, dict):
        raise FarmUnavailable(problem=f"{path} is no template")
    for section in [*template.get("Resources", {}).values(), *_globals(template)]:
        _leave_on_disk(section, path.parent)
    try:
        translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
        transformed: dict[str, Any] = translator.translate(template, parameter_values=dict(parameters))
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise FarmUnavailable(problem=f"{path} is no valid SAM template: {causes}") from None
    return transformed


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
