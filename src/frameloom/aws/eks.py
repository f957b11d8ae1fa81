"""EKS clusters: their endpoint and certificate, and tokens for their API server."""

import base64
import re
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.clients import CONFIG, client
from frameloom.model.errors import FarmUnavailable

# A token is a presigned request GetCallerIdentity with the cluster's name in a signed header; EKS sends it to STS to
# identify the user. `aws eks get-token` makes the same. Source:
# https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
TOKEN_PREFIX = "k8s-aws-v1."  # noqa: S105  a public prefix, not a token
CLUSTER_HEADER = "x-k8s-aws-id"
# Lifetime of the presigned request in seconds; EKS ignores it and accepts a token for 15 minutes.
EXPIRES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class EksCluster:
    """A cluster as EKS describes it; `certificate` is that of its authority, PEM in base64."""

    name: str
    endpoint: str
    certificate: str


def find_cluster(name: str) -> EksCluster:
    """Return a cluster that is ready for use.

    Raises:
        LookupError: no cluster has this name.
        FarmUnavailable: the cluster is not active, or EKS cannot be reached.
    """
    eks = client("eks")
    try:
        found = eks.describe_cluster(name=name)["cluster"]
    except eks.exceptions.ResourceNotFoundException:
        raise LookupError(f"there is no cluster {name!r}") from None
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"The cluster {name} cannot be looked up: {error}") from error
    # A cluster responds during an update too.
    if found["status"] not in ("ACTIVE", "UPDATING"):
        raise FarmUnavailable(problem=f"The cluster {name} is not active: its status is {found['status']}.")
    return EksCluster(
        name=name, endpoint=found["endpoint"], certificate=found.get("certificateAuthority", {}).get("data", "")
    )


def token(cluster: str) -> str:
    """Return a token for a cluster's API server, without a request.

    Raises:
        FarmUnavailable: there are no credentials to sign it.
    """
    make: Any = boto3.client
    # A separate client, since other requests to STS must not have the header.
    sts = make("sts", config=CONFIG)

    def name_cluster(request: Any, **_: Any) -> None:
        request.headers[CLUSTER_HEADER] = cluster

    sts.meta.events.register("before-sign.sts.GetCallerIdentity", name_cluster)
    try:
        url: str = sts.generate_presigned_url("get_caller_identity", ExpiresIn=EXPIRES, HttpMethod="GET")
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"A token for the cluster {cluster} cannot be made: {error}") from error
    return TOKEN_PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def caller() -> str | None:
    """Return the ARN of the current role or user; None if STS cannot be reached."""
    try:
        arn: str = client("sts").get_caller_identity()["Arn"]
    except (BotoCoreError, ClientError):
        return None
    # An access entry needs the role, not a session of it. A session's ARN lacks the role's path.
    session = re.fullmatch(r"arn:(?P<partition>[^:]+):sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/.*", arn)
    return arn if session is None else f"arn:{session['partition']}:iam::{session['account']}:role/{session['role']}"
