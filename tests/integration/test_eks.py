"""Tokens for EKS clusters, and the role of the user."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from moto import mock_aws

from frameloom.aws import eks


def test_a_token_is_a_presigned_request_with_the_clusters_name() -> None:
    """https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster"""
    with mock_aws():
        token = eks.token("farm-cluster")
        other = eks.token("other-cluster")
    assert token.startswith("k8s-aws-v1.")
    body = token.removeprefix("k8s-aws-v1.")
    assert "=" not in body
    url = urlsplit(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode())
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert (url.scheme, url.hostname) == ("https", "sts.eu-central-1.amazonaws.com")
    assert query["Action"] == "GetCallerIdentity"
    assert query["X-Amz-SignedHeaders"].split(";") == ["host", "x-k8s-aws-id"]
    assert query["X-Amz-Expires"] == "60"
    # The URL has the cluster's name only in its signature.
    assert other != token


@pytest.mark.parametrize(
    ("arn", "who"),
    [
        ("arn:aws:iam::123456789012:user/me", "arn:aws:iam::123456789012:user/me"),
        ("arn:aws:sts::123456789012:assumed-role/Admin/me@x", "arn:aws:iam::123456789012:role/Admin"),
        ("arn:aws-cn:sts::123456789012:assumed-role/Admin/s", "arn:aws-cn:iam::123456789012:role/Admin"),
    ],
)
def test_the_caller_of_a_session_is_its_role(monkeypatch: pytest.MonkeyPatch, arn: str, who: str) -> None:
    class Sts:
        def get_caller_identity(self) -> dict[str, str]:
            return {"Arn": arn}

    monkeypatch.setattr(eks, "client", lambda _: Sts())
    assert eks.caller() == who
