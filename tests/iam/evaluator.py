"""Whether policies allow what was done: node's evaluator decides, as IAM would."""

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

# Every call to AWS is made over TLS: SDKs know no other endpoints.
_EVERYWHERE = {"aws:SecureTransport": "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What IAM says to a request, and each grant that is enough for it to be allowed."""

    request: Request
    decision: str
    by: frozenset[Grant]

    @property
    def allowed(self) -> bool:
        """Whether AWS would have done it."""
        return self.decision == "Allowed"


def judge(
    requests: Sequence[Request], grants: Sequence[Grant], protections: Mapping[str, Mapping[str, Any]]
) -> list[Verdict]:
    """Return a verdict on each request, in their order.

    Args:
        requests: what is asked for.
        grants: all that the roles are granted.
        protections: the policies of buckets and queues, by their ARNs.
    """
    by_sid = {f"G{number}": grant for number, grant in enumerate(grants)}
    policies: dict[str, Any] = dict(protections)
    for role in {request.role for request in requests}:
        own = [grant.as_statement(sid) for sid, grant in by_sid.items() if grant.role == role]
        # A policy cannot be empty, and what a role without any policy asks for is the same as this.
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
