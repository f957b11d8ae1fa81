"""Helpers for the tests of patches, with unpatched moto or with a small farm."""

import io
import json
import time
import zipfile
from collections.abc import Mapping
from typing import Any

import boto3

from frameloom.local.local_farm import LocalFarm
from tests.small_farm import client

ACCOUNT, REGION = "123456789012", "us-east-1"


ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


def deploy(
    cloudformation: Any, resources: Mapping[str, Any], outputs: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Create a stack and return its outputs."""
    template = {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in (outputs or {}).items()}}
    name = f"stack{time.time_ns()}"
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def make_function(functions: Any) -> str:
    """Create a function with a trivial handler and return its name."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): return {'ran': True}")
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    functions.create_function(
        FunctionName="f", Runtime="python3.13", Role=role, Handler="app.handler", Code={"ZipFile": code.getvalue()}
    )
    return "f"


def drain(sqs: Any, url: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        messages += found
    return messages


def stored_records(farm: LocalFarm, body: str) -> list[dict[str, Any]]:
    """Return the records with this body that the farm's functions received."""
    s3, bucket = client(farm, "s3"), farm.outputs["LogBucketName"]
    keys = [stored["Key"] for stored in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    batches = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    return [record for batch in batches for record in batch if record["body"] == body]
