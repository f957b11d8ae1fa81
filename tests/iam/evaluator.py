"""Decides like IAM whether policies allow requests, with an evaluator on node."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.toolbox import ROOT, run_node
from tests.iam.authorization import UNDOCUMENTED, Request
from tests.iam.intrinsics import ACCOUNT
from tests.iam.policies import Grant

_TOOLS = ROOT / "tools" / "iam"

# SDKs use only TLS endpoints of AWS.
_EVERYWHERE = {"aws:SecureTransport": "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision of IAM on a request, and the grants each of which is sufficient to allow it."""

    request: Request
    decision: str
    by: frozenset[Grant]

    @property
    def allowed(self) -> bool:
        """Whether AWS allows the request."""
        return self.decision == "Allowed"


def judge(
    requests: Sequence[Request], grants: Sequence[Grant], protections: Mapping[str, Mapping[str, Any]]
) -> list[Verdict]:
    """Return a verdict on each request, in their order.

    Args:
        requests: the requests.
        grants: all grants of the roles.
        protections: the policies of buckets and queues, by ARN.
    """
    by_sid = {f"G{number}": grant for number, grant in enumerate(grants)}
    policies: dict[str, Any] = dict(protections)
    for role in {request.role for request in requests}:
        own = [grant.as_statement(sid) for sid, grant in by_sid.items() if grant.role == role]
        # A policy cannot be empty; this statement is equivalent to no policy.
        policies[role] = {"Version": "2012-10-17", "Statement": own or [_NOTHING]}
    asked = [_as_json(request, protections) for request in requests]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requests.json"
        file.write_text(json.dumps({"policies": policies, "requests": asked}), encoding="utf-8")
        answers = json.loads(run_node(_TOOLS, "evaluate.mjs", str(file)))
    return [
        Verdict(
            request=request, decision=answer["decision"], by=frozenset(map(by_sid.__getitem__, answer["allowedBy"]))
        )
        for request, answer in zip(requests, answers, strict=True)
    ]


_NOTHING = {"Sid": "Nothing", "Effect": "Deny", "Action": "none:None", "Resource": "*"}


def _as_json(request: Request, protections: Mapping[str, Any]) -> dict[str, Any]:
    protected = request.resource.partition("/")[0] if request.action.startswith("s3:") else request.resource
    return {
        "principal": f"arn:aws:iam::{ACCOUNT}:role/{request.role}",
        "identity": request.role,
        "action": request.action,
        "resource": request.resource,
        "context": {**_EVERYWHERE, **dict(request.context)},
        "bucketOrQueue": protected if protected in protections else None,
        "documented": request.action not in UNDOCUMENTED,
    }
