"""Deploys a template into the emulator, as CloudFormation deploys it into AWS."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from frameloom.aws.clients import clients_for
from frameloom.local.environment import farm_environment
from frameloom.model.errors import FarmUnavailable

STACK = "frameloom"

# Timeout of a call in seconds. The emulator creates the whole stack in one call.
_TIMEOUT = 60


def deploy(template: Mapping[str, Any], parameters: Mapping[str, str], *, endpoint: str, secret: str) -> dict[str, str]:
    """Create the stack `STACK` from a template with calls signed by `secret`, and return its outputs.

    Raises:
        FarmUnavailable: CloudFormation refused it; the message has the reason.
    """
    config = Config(read_timeout=_TIMEOUT, retries={"total_max_attempts": 1})
    cloudformation = clients_for(farm_environment(endpoint, secret=secret), config=config)("cloudformation")
    try:
        cloudformation.create_stack(
            StackName=STACK,
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        raise FarmUnavailable(problem=f"The stack could not be created: {error}") from None
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise FarmUnavailable(problem=f"The stack could not be created: its status is {stack['StackStatus']}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
