"""The resources of an account, of every type in the farm's stack."""

from collections.abc import Callable
from typing import Any

from tests.deploy.account import Account

# The bucket of `sam deploy --resolve-s3` and its stack serve every SAM stack of the account, so they stay.
_SAMS_OWN = "aws-sam-cli-managed-default"

# By CloudFormation type: the service, its list call, the field of the response, and the physical id of an entry.
_LISTS: dict[str, tuple[str, str, str, Callable[[Any], str]]] = {
    "AWS::CloudFormation::Stack": ("cloudformation", "describe_stacks", "Stacks", lambda found: found["StackName"]),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "describe_alarms", "MetricAlarms", lambda found: found["AlarmName"]),
    "AWS::ECR::Repository": ("ecr", "describe_repositories", "repositories", lambda found: found["repositoryName"]),
    "AWS::Events::Rule": ("events", "list_rules", "Rules", lambda found: found["Name"]),
    "AWS::IAM::ManagedPolicy": ("iam", "list_policies", "Policies", lambda found: found["Arn"]),
    "AWS::IAM::Role": ("iam", "list_roles", "Roles", lambda found: found["RoleName"]),
    "AWS::Lambda::EventSourceMapping": (
        "lambda", "list_event_source_mappings", "EventSourceMappings", lambda found: found["UUID"],
    ),
    "AWS::Lambda::Function": ("lambda", "list_functions", "Functions", lambda found: found["FunctionName"]),
    "AWS::Lambda::LayerVersion": (
        "lambda", "list_layers", "Layers", lambda found: found["LatestMatchingVersion"]["LayerVersionArn"],
    ),
    "AWS::Logs::LogGroup": ("logs", "describe_log_groups", "logGroups", lambda found: found["logGroupName"]),
    "AWS::S3::Bucket": ("s3", "list_buckets", "Buckets", lambda found: found["Name"]),
    "AWS::SNS::Topic": ("sns", "list_topics", "Topics", lambda found: found["TopicArn"]),
    "AWS::SQS::Queue": ("sqs", "list_queues", "QueueUrls", str),
    "AWS::StepFunctions::StateMachine": (
        "stepfunctions", "list_state_machines", "stateMachines", lambda found: found["stateMachineArn"],
    ),
}  # fmt: skip

LISTED = set(_LISTS)

# Parts of listed resources, deleted with them.
PARTS = {
    "AWS::IAM::Policy",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}


def inventory(account: Account) -> set[tuple[str, str]]:
    """Return type and physical id of each resource in the account, without SAM's own."""
    found = {
        (kind, name(entry))
        for kind, (service, call, field, name) in _LISTS.items()
        for entry in getattr(account.client(service), call)().get(field, [])
    }
    return {(kind, name) for kind, name in found if not name.startswith(_SAMS_OWN)}
