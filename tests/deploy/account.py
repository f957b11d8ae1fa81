"""An AWS account that is ministack: empty, on this machine, over TLS, and with IAM enforced.

With `AUTH=true` ministack checks each call: a function's against its role, a user's against the user's policies, and
all calls against the policies of buckets and queues. Those require TLS, hence the certificate. ministack does not check
the roles of the state machine, of rules and of event sources.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3

from frameloom.local.environment import REGION, farm_environment, without_aws
from tests.conformance.toolbox import ROOT, locked_environment, run, uv
from tests.deploy.processes import free_port, kept_running, wait_for_port

MINISTACK_TOOLS = ROOT / "tools" / "ministack"
LAMBDA_PYTHON = Path(__file__).with_name("lambda_python")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The address of the account, and the keys: by default an administrator's."""

    endpoint: str
    authority: Path
    log: Path
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which a program uses this account and can use no other."""
        ours = {"AWS_CA_BUNDLE": str(self.authority), **self.keys}
        return {**without_aws(os.environ), **farm_environment(self.endpoint, secret="testing"), **ours}

    def client(self, service: str) -> Any:
        """Return a client of a service."""
        environment = self.environment
        session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        make: Any = session.client
        return make(service, endpoint_url=self.endpoint, verify=str(self.authority))


def with_rights_of(account: Account, role: str) -> Account:
    """Return the account with the keys of a user who has exactly the policies of a role (an ARN).

    Only EKS can assume the role itself, and ministack has no EKS. To answer a task, ministack requires the permission
    on `*` where AWS requires it on the state machine: ministack does not map a token to its machine.
    """
    access, name = account.client("iam"), role.rpartition("/")[2]
    access.create_user(UserName=name)
    for number, document in enumerate(_policies(access, name)):
        for statement in document["Statement"]:
            if all(action.startswith("states:SendTask") for action in statement["Action"]):
                statement["Resource"] = "*"
        access.put_user_policy(UserName=name, PolicyName=f"of-the-role-{number}", PolicyDocument=json.dumps(document))
    key = access.create_access_key(UserName=name)["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return replace(account, keys=keys)


def _policies(access: Any, role: str) -> Iterator[dict[str, Any]]:
    """Yield the policies of a role (a name), inline and attached."""
    for name in access.list_role_policies(RoleName=role)["PolicyNames"]:
        yield access.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    for attached in access.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = attached["PolicyArn"]
        version = access.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = access.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        yield json.loads(document) if isinstance(document, str) else document


@contextmanager
def new_account(folder: Path, *, python: Path) -> Iterator[Account]:
    """Run ministack in Python 3.13; it writes gigabytes to `folder`, which is removed at its end."""
    commands = locked_environment(MINISTACK_TOOLS, python=python)
    certificates, scratch = folder / "certificates", folder / "tmp"
    certificates.mkdir()
    scratch.mkdir()
    made = run([str(commands / "python"), "-m", "trustme", "-q", "-d", str(certificates), "-i", "127.0.0.1"])
    assert made.returncode == 0, made.stderr

    port = free_port()
    account = Account(
        endpoint=f"https://127.0.0.1:{port}",
        authority=certificates / "client.pem",
        log=folder / "ministack" / "worker-1.log",
    )
    environment = {
        **account.environment,
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        # The host in queue URLs: an address, since a name could resolve to another machine.
        "MINISTACK_HOST": "127.0.0.1",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificates / "server.pem"),
        "MINISTACK_SSL_KEY": str(certificates / "server.key"),
        "TMPDIR": str(scratch),
        # For the functions, which inherit ministack's environment.
        "PYTHONPATH": str(LAMBDA_PYTHON),
        "FRAMELOOM_TWINS": str(_twins(folder / "twins", python)),
    }
    command, logs = [str(commands / "ministack")], account.log.parent
    with kept_running(command, folder=folder, logs=logs, environment=environment, remove=folder):
        wait_for_port(port, account.log)
        yield account


def _twins(folder: Path, python: Path) -> Path:
    """Install the layer's packages for this machine's processor; see lambda_python/sitecustomize.py."""
    target = ["--target", str(folder), "--python", str(python)]
    exactly = ["--no-deps", "--only-binary", ":all:", "--requirement", str(ROOT / "src" / "requirements.txt")]
    ended = run([uv(), "pip", "install", "--quiet", *target, *exactly])
    assert ended.returncode == 0, ended.stderr
    return folder
