"""Keeps the services of moto that a farm does not use out of the emulator, which so starts in half the time.

Fact: moto's CloudFormation imports the models of thirty services, EC2 and its tables among them, and moto's Step
Functions those of AWS Batch: together longer to import than all that a farm needs. This has to be in place before
moto is imported, and so imports none of it.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# What CloudFormation and Lambda import beside the services of `_NAMESPACES`.
_ABSENT = frozenset(
    {
        "apigateway",
        "autoscaling",
        "batch",
        "datapipeline",
        "dynamodb",
        "dynamodbstreams",
        "ec2",
        "ecs",
        "efs",
        "elb",
        "elbv2",
        "emr",
        "iot",
        "kinesis",
        "kms",
        "rds",
        "redshift",
        "route53",
        "sagemaker",
        "sns",
        "ssm",
    }
)
# The namespaces of resource types that can be created without any of them.
_NAMESPACES = frozenset({"Events", "IAM", "Lambda", "Logs", "S3", "SQS", "StepFunctions"})


def needs_every_service(template: Mapping[str, Any]) -> bool:
    """Return whether a template, as CloudFormation takes it, has resources beyond those of a farm."""
    return any(resource["Type"].split("::")[1] not in _NAMESPACES for resource in template["Resources"].values())


def apply() -> None:
    """Keep what a farm does not need out of this process; to be called before moto is imported."""
    sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder, Loader):
    """Answers for the absent services with modules in which every name is a class that nobody instantiates."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, rest = fullname.partition(".")
        if package == "moto" and rest.split(".")[0] in _ABSENT:
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Absent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is."""


class _Name(type):
    """The class of a class whose attributes are their names: members of an enumeration, for one."""

    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


class _Absent(ModuleType):
    """A module of a service that is not there."""

    def __getattr__(self, name: str) -> _Name:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Name(name, (), {})
