"""moto's services that a farm does not use are stubs in the emulator."""

import subprocess
import sys

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
