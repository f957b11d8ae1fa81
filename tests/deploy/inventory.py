"""All that there is in an account, of every kind that the farm's stack is made of."""

from collections.abc import Callable
from typing import Any

from tests.deploy.account import Account

# The bucket for what `sam deploy --resolve-s3` uploads and its stack serve every SAM stack of the account: they
# stay, as they do in AWS.
_SAMS_OWN = "aws-sam-cli-managed-default"

# By CloudFormation's type: the service, the call that lists, the answer's field, and the physical id in an entry.
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

# A part of something that is listed, and goes with it.
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
    """Return type and physical id of all that is in the account, but what SAM itself keeps there."""
    found = {
        (kind, name(entry))
        for kind, (service, call, field, name) in _LISTS.items()
        for entry in getattr(account.client(service), call)().get(field, [])
    }
    return {(kind, name) for kind, name in found if not name.startswith(_SAMS_OWN)}
