"""An EKS cluster: where it answers, whom to believe, and a token that says who asks."""

import base64
import re
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.clients import CONFIG, client
from frameloom.model.errors import FarmUnavailable

# The scheme of aws-iam-authenticator, which `aws eks get-token` follows too: the token is a presigned
# GetCallerIdentity with the cluster's name in a signed header, and EKS asks STS who signed it.
# https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
TOKEN_PREFIX = "k8s-aws-v1."  # noqa: S105  a public prefix, not a token
CLUSTER_HEADER = "x-k8s-aws-id"
# In seconds, of the presigned request; EKS itself goes by its date and takes it for 15 minutes.
EXPIRES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class EksCluster:
    """A cluster as EKS describes it; `certificate` is its authority's, PEM in base64."""

    name: str
    endpoint: str
    certificate: str


def find_cluster(name: str) -> EksCluster:
    """Return a cluster that can be used.

    Raises:
        LookupError: there is none of this name.
        FarmUnavailable: it is not up, or AWS cannot be asked.
    """
    eks = client("eks")
    try:
        found = eks.describe_cluster(name=name)["cluster"]
    except eks.exceptions.ResourceNotFoundException:
        raise LookupError(f"there is no cluster {name!r}") from None
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"The cluster {name} cannot be looked up: {error}") from error
    # One that is being updated answers all the same.
    if found["status"] not in ("ACTIVE", "UPDATING"):
        raise FarmUnavailable(problem=f"The cluster {name} is not up: EKS says that it is {found['status']}.")
    return EksCluster(
        name=name, endpoint=found["endpoint"], certificate=found.get("certificateAuthority", {}).get("data", "")
    )


def token(cluster: str) -> str:
    """Return a token for a cluster's API server; making one asks nobody.

    Raises:
        FarmUnavailable: there are no credentials to sign it with.
    """
    make: Any = boto3.client
    # A client of its own, since the header must not stand in other requests to STS.
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
    """Return the ARN of the role or user whose credentials these are, None where AWS does not say."""
    try:
        arn: str = client("sts").get_caller_identity()["Arn"]
    except (BotoCoreError, ClientError):
        return None
    # An access entry takes the role, not one of its sessions. A role's path does not stand in a session's name.
    session = re.fullmatch(r"arn:(?P<partition>[^:]+):sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/.*", arn)
    return arn if session is None else f"arn:{session['partition']}:iam::{session['account']}:role/{session['role']}"
