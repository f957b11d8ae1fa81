"""moto's services that a farm does not use are stubs in the emulator."""

import subprocess
import sys

from frameloom.local.stub_services import needs_every_service
from frameloom.local.template import local_template
from tests.conformance.toolbox import ROOT

PRINT = """
import sys
print(*{name.split(".")[1] for name, found in sys.modules.items() if "moto." in name and getattr(found, "__file__", 0)})
"""


def imported(program: str) -> set[str]:
    """Return moto's services whose code a new process has imported after a program."""
    command = [sys.executable, "-c", f"{program}\n{PRINT}"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_canary_moto_imports_services_that_no_farm_uses() -> None:
    services = imported("import moto.cloudformation.models, moto.stepfunctions.parser.models")
    assert {"ec2", "batch", "rds", "sagemaker"} <= services


def test_the_emulator_imports_only_services_that_a_farm_uses() -> None:
    services = imported(
        "from frameloom.local import stub_services; stub_services.apply(); import frameloom.local.server"
    )
    assert services.isdisjoint({"ec2", "batch", "rds", "sagemaker"})
    assert services >= {"s3", "sqs", "events", "stepfunctions", "awslambda", "cloudformation", "iam", "logs"}


def test_the_farm_s_template_needs_no_stubbed_service() -> None:
    template = local_template(ROOT / "template.yaml", {})
    assert not needs_every_service(template)
    template["Resources"]["Table"] = {"Type": "AWS::DynamoDB::Table"}
    assert needs_every_service(template)
