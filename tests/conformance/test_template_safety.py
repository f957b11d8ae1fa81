"""Retention, encryption and access rules of the template."""

import json
from typing import Any

import pytest

from tests.conformance.farm_template import (
    cluster,
    listed,
    of_type,
    references,
    resources,
    statements,
    template,
    trust,
)

FUNCTIONS = of_type("AWS::Serverless::Function")
ROLES = of_type("AWS::IAM::Role")
DAYS = {"Ref": "LogRetentionDays"}

# Actions without resource-level permissions, by the Sid of the statement; all others are restricted.
EVERYWHERE = {
    "SendTraces": {"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules"}
    | {"xray:GetSamplingTargets"},
    "DeliverLogs": {f"logs:{verb}LogDelivery" for verb in ("Create", "Get", "Update", "Delete")}
    | {"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"},
}


class TestBucketsAndQueues:
    @pytest.mark.parametrize(
        ("kind", "policy"), [("S3::Bucket", "Bucket"), ("SQS::Queue", "Queues"), ("SNS::Topic", "Topics")]
    )
    def test_each_refuses_plain_http(self, kind: str, policy: str) -> None:
        policies = {
            reference["Ref"]: properties["PolicyDocument"]["Statement"]
            for properties in of_type(f"AWS::{kind}Policy").values()
            for reference in listed(properties[policy])
        }
        assert set(policies) == set(of_type(f"AWS::{kind}"))
        for name, found in policies.items():
            (refusal,) = (statement for statement in found if statement["Effect"] == "Deny")
            assert refusal["Principal"] == "*"
            assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            assert all(name in json.dumps(resource) for resource in listed(refusal["Resource"]))

    def test_every_bucket_is_private_and_encrypted_and_drops_half_uploads(self) -> None:
        for bucket in of_type("AWS::S3::Bucket").values():
            assert all(bucket["PublicAccessBlockConfiguration"].values())
            assert bucket["BucketEncryption"]
            assert any("AbortIncompleteMultipartUpload" in rule for rule in bucket["LifecycleConfiguration"]["Rules"])

    def test_every_queue_is_encrypted(self) -> None:
        assert [name for name, queue in of_type("AWS::SQS::Queue").items() if not queue["SqsManagedSseEnabled"]] == []

    def test_scenes_have_versions_and_old_ones_expire(self) -> None:
        scenes = of_type("AWS::S3::Bucket")["ScenesBucket"]
        assert scenes["VersioningConfiguration"] == {"Status": "Enabled"}
        rules = rules_of("ScenesBucket")
        assert rules["OverwrittenScenes"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": DAYS}

    def test_frames_expire_only_by_parameter_and_outlive_the_stack(self) -> None:
        frames = resources["FramesBucket"]
        assert (frames["DeletionPolicy"], frames["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
        (choice,) = (rule for rule in frames["Properties"]["LifecycleConfiguration"]["Rules"] if "Fn::If" in rule)
        condition, rule, otherwise = choice["Fn::If"]
        assert condition == "FramesExpire"
        assert rule["ExpirationInDays"] == {"Ref": "FrameRetentionDays"}
        assert otherwise == {"Ref": "AWS::NoValue"}
        assert template["Conditions"]["FramesExpire"] == {
            "Fn::Not": [{"Fn::Equals": [{"Ref": "FrameRetentionDays"}, 0]}]
        }
        assert template["Parameters"]["FrameRetentionDays"]["Default"] == 0

    def test_all_data_of_a_job_expires_with_its_logs(self) -> None:
        assert rules_of("LogBucket")["OldJobs"]["ExpirationInDays"] == DAYS
        assert [group["RetentionInDays"] for group in of_type("AWS::Logs::LogGroup").values()] == [DAYS, DAYS]

    def test_only_the_frames_outlive_the_stack_and_stay_private(self) -> None:
        staying = {name for name, found in resources.items() if "DeletionPolicy" in found}
        assert staying == {"FramesBucket", "FramesBucketPolicy"}
        assert staying == {name for name, found in resources.items() if "UpdateReplacePolicy" in found}


def test_worker_images_are_scanned_immutable_and_limited() -> None:
    (repository,) = of_type("AWS::ECR::Repository").values()
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["EmptyOnDelete"] is True
    # tests/conformance/test_image.py checks the images that it keeps.
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert [rule["action"] for rule in rules] == [{"type": "expire"}] * 2


class TestNames:
    def test_no_resource_has_a_fixed_name(self) -> None:
        fixed = {"BucketName", "QueueName", "FunctionName", "Name", "TopicName", "AlarmName", "RepositoryName"}
        fixed |= {"RoleName", "ManagedPolicyName", "StateMachineName"}
        # A reference to a name from elsewhere: the function of a mapping, another stack's role.
        for name, found in resources.items():
            named = {key: value for key, value in found.get("Properties", {}).items() if key in fixed}
            assert not any(isinstance(value, str) for value in named.values()), name
        for group in of_type("AWS::Logs::LogGroup").values():
            assert "${AWS::StackName}" in group["LogGroupName"]["Fn::Sub"]

    def test_the_cluster_is_named_after_its_stack(self) -> None:
        named = [
            found["Properties"]["Name"] for found in cluster["Resources"].values() if "Name" in found["Properties"]
        ]
        assert named == [{"Ref": "AWS::StackName"}]


class TestRoles:
    def test_each_function_and_the_machine_has_its_own_role(self) -> None:
        owners = {**FUNCTIONS, "RenderJob": resources["RenderJob"]["Properties"]}
        for name, properties in owners.items():
            assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
            # Else SAM would add to a role that is not there.
            assert "Policies" not in properties
        assert set(ROLES) == {f"{name}Role" for name in owners} | {"WorkerRole", "KedaRole"}

    def test_only_actions_without_a_resource_are_granted_on_everything(self) -> None:
        for statement in every_statement():
            actions = set(listed(statement["Action"]))
            assert not any("*" in action for action in actions), statement["Sid"]
            if "*" in listed(statement["Resource"]):
                assert actions <= EVERYWHERE[statement["Sid"]], statement["Sid"]

    def test_no_role_has_a_managed_policy_of_aws(self) -> None:
        for role in ROLES.values():
            assert role.get("ManagedPolicyArns", []) in ([], [{"Ref": "FunctionBasics"}], [{"Ref": "WorkerPolicy"}])

    def test_a_worker_outside_of_the_cluster_gets_what_its_pods_have(self) -> None:
        assert resources["WorkerRole"]["Properties"]["ManagedPolicyArns"] == [{"Ref": "WorkerPolicy"}]
        assert "Policies" not in resources["WorkerRole"]["Properties"]
        assert "Condition" not in resources["WorkerPolicy"]
        assert template["Outputs"]["WorkerPolicyArn"]["Value"] == {"Ref": "WorkerPolicy"}

    def test_each_is_trusted_to_its_own_service(self) -> None:
        services = {name: trust(name)["Principal"]["Service"] for name in ROLES}
        pods = {name: services.pop(name) for name in ("WorkerRole", "KedaRole")}
        assert set(pods.values()) == {"pods.eks.amazonaws.com"}
        assert services.pop("RenderJobRole") == "states.amazonaws.com"
        assert set(services.values()) == {"lambda.amazonaws.com"}

    @pytest.mark.parametrize(
        ("role", "namespace", "account", "association"),
        [
            ("WorkerRole", {"Ref": "FleetNamespace"}, "worker", "WorkerIdentity"),
            ("KedaRole", "keda", "keda-operator", "KedaIdentity"),
        ],
    )
    def test_a_pods_role_is_for_one_service_account_of_one_cluster(
        self, role: str, namespace: Any, account: str, association: str
    ) -> None:
        trusted, identity = trust(role), of_type("AWS::EKS::PodIdentityAssociation")[association]
        assert set(trusted["Action"]) == {"sts:AssumeRole", "sts:TagSession"}
        assert trusted["Condition"]["StringEquals"] == {
            "aws:SourceAccount": {"Ref": "AWS::AccountId"},
            "aws:RequestTag/eks-cluster-name": identity["ClusterName"],
            "aws:RequestTag/kubernetes-namespace": namespace,
            "aws:RequestTag/kubernetes-service-account": account,
        }
        assert (identity["Namespace"], identity["ServiceAccount"]) == (namespace, account)
        assert identity["RoleArn"] == {"Fn::GetAtt": [role, "Arn"]}

    def test_the_worker_reaches_what_its_environment_names(self) -> None:
        reached = set(references([statement["Resource"] for statement in statements("WorkerRole")]))
        reached |= {name for name in resources if f"${{{name}.Arn}}" in json.dumps(resources["WorkerPolicy"])}
        # The queues, the bucket of results; scenes, frames and tokens come with each message.
        assert reached == {"ChunkQueue", "LogQueue", "LogBucket", "ScenesBucket", "FramesBucket", "RenderJob"}

    def test_keda_counts_chunks_and_does_nothing_else_whoever_made_its_role(self) -> None:
        (own,) = statements("KedaRole")
        (shared,) = resources["SharedKedaPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        assert own == shared
        assert own["Action"] == "sqs:GetQueueAttributes"
        assert own["Resource"] == {"Fn::GetAtt": ["ChunkQueue", "Arn"]}


def rules_of(bucket: str) -> dict[str, dict[str, Any]]:
    """Return the rules of a bucket's life cycle that are always there, by their ids."""
    rules = resources[bucket]["Properties"]["LifecycleConfiguration"]["Rules"]
    return {rule["Id"]: rule for rule in rules if "Id" in rule}


def every_statement() -> list[dict[str, Any]]:
    """Return the policies of all roles, inline and managed."""
    documents = [
        found["Properties"]["PolicyDocument"]
        for found in resources.values()
        if found["Type"] in ("AWS::IAM::Policy", "AWS::IAM::RolePolicy")
    ]
    own = [statement for role in ROLES for statement in statements(role)]
    return [*own, *(statement for document in documents for statement in document["Statement"])]
