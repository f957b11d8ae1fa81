"""A deployed farm without an account: its stack is in moto, its cluster a fake API server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.eks.models import eks_backends

from frameloom.aws import stack_deletion
from frameloom.aws.purge import empty_repository
from frameloom.cli import main
from frameloom.kube import api, readiness
from tests.kube.server import AUTO_MODE, ApiServer, Kinds

STACK, CLUSTER, REGION = "farm", "farm-cluster", "eu-central-1"
IMAGE_TAG = "4.5.15-0a1b2c3d4e5f"
KEDA_ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/keda"
WORKER_ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the document on stdout."""
        return json.loads(self.out)


class Rig:
    """Runs commands against a farm."""

    def __init__(self, server: ApiServer, capture: pytest.CaptureFixture[str], folder: Path) -> None:
        self.server, self._capture = server, capture
        self.keda = folder / "keda.yaml"
        self.keda.write_text(yaml.safe_dump_all(keda_release()), encoding="utf-8")

    def run(self, *words: object, stack: str = STACK) -> Ran:
        """Run `frameloom` with these arguments and a stack."""
        self._capture.readouterr()
        code = main([*map(str, words), "--stack", stack])
        out, err = self._capture.readouterr()
        return Ran(code=code, out=out, err=err)

    def deploy(self, *words: object) -> Ran:
        """Deploy a fleet, with KEDA from a file."""
        return self.run("fleet", "deploy", "--keda-manifest", self.keda, "--timeout", "20s", *words)

    def changes(self) -> list[str]:
        """Return the requests that change objects."""
        return [f"{each.method} {each.path}" for each in self.server.asked if each.method in ("PATCH", "DELETE", "PUT")]


NODE_CLASS = {"apiVersion": "eks.amazonaws.com/v1", "kind": "NodeClass", "metadata": {"name": "default"}}


@contextmanager
def rig(
    monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str], folder: Path, **parameters: str
) -> Iterator[Rig]:
    """Yield a farm with an empty cluster with EKS Auto Mode."""
    monkeypatch.setattr(api, "ATTEMPTS", 4)
    monkeypatch.setattr(api, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(readiness, "POLL_EVERY", 0.01)
    monkeypatch.setattr(stack_deletion, "POLL_EVERY", 0.01)
    monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))
    kinds: Kinds = {version: dict(each) for version, each in (ApiServer().kinds | AUTO_MODE).items()}
    with mock_aws(), ApiServer(kinds=kinds) as server:
        server.put(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in ("kube-system", "a")))
        # Auto Mode creates it with its first built-in node pool.
        server.put(NODE_CLASS)
        if parameters.get("Cluster") != "none":
            make_cluster(CLUSTER, server.url)
        make_stack(STACK, **parameters)
        push_image(f"{STACK}-worker", IMAGE_TAG)
        yield Rig(server, capture, folder)


def make_stack(name: str, **parameters: str) -> None:
    """Create a stack with the resources and outputs of a farm that the commands use."""
    boto3.client("cloudformation").create_stack(
        StackName=name,
        TemplateBody=json.dumps(template(name, cluster=parameters.get("Cluster", "create") != "none")),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )


def make_cluster(name: str, endpoint: str, certificate: str = "") -> None:
    """Create a cluster with an endpoint."""
    subnets = [each["SubnetId"] for each in boto3.client("ec2").describe_subnets()["Subnets"]]
    boto3.client("eks").create_cluster(
        name=name,
        roleArn=f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/cluster",
        resourcesVpcConfig={"subnetIds": subnets[:2]},
    )
    cluster = eks_backends[DEFAULT_ACCOUNT_ID][REGION].clusters[name]
    cluster.endpoint, cluster.certificate_authority = endpoint, {"data": certificate}


def drop_stack(name: str) -> None:
    """Delete a stack with its images."""
    empty_repository(f"{name}-worker")
    boto3.client("cloudformation").delete_stack(StackName=name)


def push_image(repository: str, tag: str) -> None:
    """Push an image to a repository."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": f"sha256:{tag}"},
        "layers": [],
    }
    boto3.client("ecr").put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag)


def write_kubeconfig(path: Path, **servers: str) -> None:
    """Write a kubeconfig with a context for each server."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": next(iter(servers)),
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in servers],
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in servers.items()],
        "users": [{"name": "me", "user": {"token": "from-kubeconfig"}}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def template(name: str, *, cluster: bool) -> dict[str, Any]:
    """Return a template with the outputs of a farm, and with resources to delete."""
    queue = {"Type": "AWS::SQS::Queue"}
    outputs: dict[str, Any] = {
        "ScenesBucketName": {"Ref": "ScenesBucket"},
        "FramesBucketName": {"Ref": "FramesBucket"},
        "LogBucketName": {"Ref": "LogBucket"},
        "ChunkQueueUrl": {"Ref": "ChunkQueue"},
        "ChunkDeadLetterQueueUrl": {"Ref": "ChunkDeadLetterQueue"},
        "LogQueueUrl": {"Ref": "LogQueue"},
        "StateMachineArn": {"Ref": "RenderJob"},
        "BlenderVersions": "4.5.15",
        "WorkerRepositoryName": {"Ref": "WorkerRepository"},
        "WorkerRepositoryUri": {"Fn::GetAtt": ["WorkerRepository", "RepositoryUri"]},
        "FleetNamespace": {"Ref": "FleetNamespace"},
    }
    if cluster:
        outputs |= {"ClusterName": CLUSTER, "KedaRoleArn": KEDA_ROLE, "WorkerRoleArn": WORKER_ROLE}
    definition = json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}})
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {
            "Cluster": {"Type": "String", "Default": "create"},
            "FleetNamespace": {"Type": "String", "Default": "frameloom"},
        },
        "Resources": {
            "ScenesBucket": {"Type": "AWS::S3::Bucket"},
            "FramesBucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
            "LogBucket": {"Type": "AWS::S3::Bucket"},
            "ChunkQueue": queue,
            "ChunkDeadLetterQueue": queue,
            "LogQueue": queue,
            "WorkerRepository": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": f"{name}-worker"}},
            "RenderJob": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "DefinitionString": definition,
                    "RoleArn": f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/render",
                },
            },
        },
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }


def outputs_of(name: str) -> dict[str, str]:
    """Return the outputs of a stack."""
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def keda_release() -> list[dict[str, Any]]:
    """Return a small release of KEDA, with one object of each relevant kind."""
    scaled = {"scaledjobs": "ScaledJob", "scaledobjects": "ScaledObject", "triggerauthentications": None}
    definitions = [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.keda.sh", "labels": {"app.kubernetes.io/part-of": "keda-operator"}},
            "spec": {
                "group": "keda.sh",
                "scope": "Namespaced",
                "names": {"plural": plural, "kind": kind or "TriggerAuthentication"},
                "versions": [{"name": "v1alpha1", "served": True, "storage": True}],
            },
        }
        for plural, kind in scaled.items()
    ]
    deployments = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "keda", "labels": {"app.kubernetes.io/name": name}},
            "spec": {
                "replicas": 1,
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": name, "image": f"ghcr.io/kedacore/{name}:2.21.0"}]},
                },
            },
        }
        for name in ("keda-operator", "keda-metrics-apiserver")
    ]
    return [
        *deployments,
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "keda-operator", "namespace": "keda"}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "keda-auth-reader", "namespace": "kube-system"},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.external.metrics.k8s.io"},
        },
        *definitions,
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keda"}},
    ]
