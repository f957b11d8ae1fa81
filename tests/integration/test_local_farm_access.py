"""Access to a local farm: web pages and other users of the machine are refused, and clients with its key work."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from frameloom.local.local_farm import LocalFarm
from tests.farm_client import farm_client
from tests.small_farm import MINI_FARM

ORIGIN = {"Origin": "https://evil.example"}
FORM = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nevil.blend\r\n--x\r\n'
FORM += b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\nBLENDER\r\n--x--\r\n'


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFarm]:
    work_dir = tmp_path_factory.mktemp("farm")
    with LocalFarm(workers=0, root=MINI_FARM, work_dir=work_dir, record=work_dir / "calls") as farm:
        yield farm


@pytest.fixture
def bucket(farm: LocalFarm) -> str:
    return farm.outputs["ScenesBucketName"]


class Sent:
    """The response to a call: its status, headers in lower case, and body."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.text = answer.status, answer.read().decode()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}

    def is_refused(self) -> bool:
        """Return whether the call was refused, without headers that let a web page read the response."""
        return self.status == 403 and not [name for name in self.headers if name.startswith("access-control")]


def send(farm: LocalFarm, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Sent:
    """Send a call unchanged, with the farm's Host unless it has one."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(farm.endpoint).port, timeout=30)
    try:
        connection.request(method, path, body=body, headers=dict(headers))
        return Sent(connection.getresponse())
    finally:
        connection.close()


def signed(
    farm: LocalFarm, method: str, path: str, body: bytes = b"", *, service: str = "s3", **headers: str
) -> dict[str, str]:
    """Return the headers of a call that the farm's own user signs."""
    given = {"Host": urlsplit(farm.endpoint).netloc} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    request = AWSRequest(method, f"http://{given['Host']}{path}", headers=given, data=body)
    sign = S3SigV4Auth if service == "s3" else SigV4Auth
    sign(Credentials("testing", farm.environment["AWS_SECRET_ACCESS_KEY"]), service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


def shift_signing_time(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    """Sign calls with a time that differs by this many minutes."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: datetime.now(UTC) + timedelta(minutes=minutes))


def is_untouched(farm: LocalFarm) -> bool:
    """Return whether nothing was reset, uploaded or started."""
    s3, states = (farm_client(farm.environment, service) for service in ("s3", "stepfunctions"))
    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    runs = states.list_executions(stateMachineArn=farm.outputs["StateMachineArn"])["executions"]
    scenes = s3.list_objects_v2(Bucket=farm.outputs["ScenesBucketName"])
    mine = {stored["Key"] for stored in scenes.get("Contents", [])} <= {"mine.txt"}
    return buckets == {farm.outputs["ScenesBucketName"], farm.outputs["LogBucketName"]} and not runs and mine


def test_a_web_page_can_neither_reset_nor_use_nor_read_a_farm(farm: LocalFarm, bucket: str) -> None:
    machine = farm.outputs["StateMachineArn"]
    start = json.dumps({"stateMachineArn": machine, "input": '{"file": "x", "trust_scripts": true}'}).encode()
    text = {"Content-Type": "text/plain;charset=UTF-8"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-amz-target"}
    port = urlsplit(farm.endpoint).port
    # `fetch` without a preflight, a preflight, a form, an image, an opened page, and a page after DNS rebinding.
    calls: list[tuple[str, str, dict[str, str], bytes]] = [
        ("POST", "/moto-api/reset", ORIGIN | text, b""),
        ("POST", "/moto-api/reset", {"Origin": "null"} | form, b"a=b"),
        ("POST", "/moto-api/reset", text, b""),
        ("POST", "//moto-api/reset", text, b""),
        ("POST", "/%6doto-api/reset", text, b""),
        ("GET", "/moto-api/data.json", ORIGIN, b""),
        ("GET", "/moto-api/", {}, b""),
        ("OPTIONS", f"/{bucket}/evil.blend", ORIGIN | asked, b""),
        ("OPTIONS", "/", asked, b""),
        ("PUT", f"/{bucket}/evil.blend", ORIGIN, b"BLENDER"),
        ("POST", f"/{bucket}", ORIGIN | {"Content-Type": "multipart/form-data; boundary=x"}, FORM),
        ("POST", f"/{bucket}", {"Content-Type": "multipart/form-data; boundary=x"}, FORM),
        ("POST", "/", ORIGIN | text | {"X-Amz-Target": "AWSStepFunctions.StartExecution"}, start),
        ("POST", "/", form, b"Action=DeleteStack&StackName=frameloom&Version=2010-05-15"),
        ("POST", "/sqs_us-east-1/", form, b"Action=ListQueues&Version=2012-11-05"),
        ("GET", f"/{bucket}/", {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site"}, b""),
        ("GET", "/", {"Host": f"evil.example:{port}"}, b""),
        ("GET", "/", {"Host": "127.0.0.1.evil.example"}, b""),
        ("GET", f"http://evil.example/{bucket}", {}, b""),
        ("TRACE", "/", {}, b""),
    ]
    accepted = [call for call in calls if not send(farm, *call).is_refused()]
    assert accepted == []
    assert is_untouched(farm)


def test_a_signed_call_of_a_web_page_or_to_another_host_or_to_moto_s_api_is_refused(farm: LocalFarm) -> None:
    assert send(farm, "GET", "/", signed(farm, "GET", "/")).status == 200
    assert send(farm, "GET", "/", signed(farm, "GET", "/") | ORIGIN).is_refused()
    assert send(farm, "GET", "/", signed(farm, "GET", "/", Host="evil.example")).is_refused()
    assert send(farm, "GET", "/", signed(farm, "GET", "/", Host="localhost:1")).status == 200
    for path in ("/moto-api/reset", "//moto-api/reset", "/%6doto-api/reset", "/moto-api", "/latest/meta-data/"):
        assert send(farm, "POST", path, signed(farm, "POST", path)).is_refused(), path
    assert send(farm, "OPTIONS", "/", signed(farm, "OPTIONS", "/")).is_refused()
    assert is_untouched(farm)


def test_a_call_without_the_key_gets_the_error_code_of_its_service(farm: LocalFarm) -> None:
    wrong = farm.environment | {"AWS_SECRET_ACCESS_KEY": "testing"}
    codes = {}
    for service, call in {
        "s3": "list_buckets",
        "sqs": "list_queues",
        "stepfunctions": "list_state_machines",
        "cloudformation": "list_stacks",
        "iam": "list_roles",
        "lambda": "list_functions",
        "events": "list_rules",
    }.items():
        with pytest.raises(ClientError, match="not signed with this farm's key") as refused:
            getattr(farm_client(wrong, service), call)()
        codes[service] = refused.value.response["Error"]["Code"]
    json_services = dict.fromkeys(("sqs", "stepfunctions", "lambda", "events"), "InvalidSignatureException")
    assert codes == json_services | dict.fromkeys(("s3", "cloudformation", "iam"), "SignatureDoesNotMatch")
    nobody = send(farm, "POST", "/", {"X-Amz-Target": "AmazonSQS.ListQueues"}, b"{}")
    assert json.loads(nobody.text)["__type"] == "MissingAuthenticationTokenException"
    # The record, with which permissions are checked, has no refused calls.
    principals = [json.loads(line)["status"] for line in (farm.work_dir / "calls").read_text().splitlines()]
    assert 403 not in principals


def test_a_signed_call_cannot_be_sent_again_with_changes_or_late(
    farm: LocalFarm, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, body = f"/{bucket}/mine.txt", b"mine"
    headers = signed(farm, "PUT", path, body)
    assert send(farm, "PUT", path, headers, body).status == 200
    assert send(farm, "PUT", path, headers, b"evil").status == 403
    assert send(farm, "PUT", f"/{bucket}/evil.blend", headers, body).is_refused()
    assert send(farm, "DELETE", path, headers, body).is_refused()
    copied = headers | {"x-amz-copy-source": f"{bucket}/mine.txt"}
    assert send(farm, "PUT", path, copied, body).is_refused()

    queue = json.dumps({"QueueUrl": farm.outputs["LogQueueUrl"], "AttributeNames": ["All"]}).encode()
    target = {"X_Amz_Target": "AmazonSQS.GetQueueAttributes", "Content_Type": "application/x-amz-json-1.0"}
    headers = signed(farm, "POST", "/", queue, service="sqs", **target)
    assert send(farm, "POST", "/", headers, queue).status == 200
    purge = headers | {"X-Amz-Target": "AmazonSQS.PurgeQueue"}
    assert send(farm, "POST", "/", purge, queue).is_refused()
    assert send(farm, "POST", "/", headers, queue.replace(b"All", b"all")).is_refused()
    unsigned = signed(farm, "POST", "/", queue, service="sqs", **target, X_Amz_Content_SHA256="UNSIGNED-PAYLOAD")
    assert send(farm, "POST", "/", unsigned, queue).is_refused()

    for minutes in (-16, 16):
        shift_signing_time(monkeypatch, minutes)
        late = send(farm, "PUT", path, signed(farm, "PUT", path, body), body)
        assert late.is_refused()
        assert "RequestTimeTooSkewed" in late.text
    monkeypatch.undo()
    assert is_untouched(farm)


def test_a_client_of_aws_needs_only_the_variables_that_a_farm_prints(farm: LocalFarm, bucket: str) -> None:
    program = f"""
import boto3, urllib.error, urllib.request
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
s3, bucket = boto3.client("s3", config=Config(signature_version="s3v4")), {bucket!r}
key, data = "räume/a b+c(1)~*.bin", bytes(range(256)) * 40_000
open("large", "wb").write(data)
s3.upload_file("large", bucket, key, Config=TransferConfig(multipart_threshold=2**20, multipart_chunksize=2**23),
               ExtraArgs={{"Metadata": {{"with_underscore": "1", "with-dash": "2"}}}})
assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == data
assert s3.head_object(Bucket=bucket, Key=key)["Metadata"] == {{"with_underscore": "1", "with-dash": "2"}}
assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket, Prefix="räume/")["Contents"]] == [key]
unsigned = boto3.client("s3", config=Config(s3={{"payload_signing_enabled": False}}))
unsigned.put_object(Bucket=bucket, Key=key, Body=b"unsigned")
url = s3.generate_presigned_url("get_object", Params={{"Bucket": bucket, "Key": key}}, ExpiresIn=60)
assert urllib.request.urlopen(url).read() == b"unsigned"
try:
    urllib.request.urlopen(url.replace("a%20b", "a%20c"))
    raise SystemExit("another object than the one of the URL")
except urllib.error.HTTPError as error:
    assert error.code == 403 and b"SignatureDoesNotMatch" in error.read()
put = s3.generate_presigned_url("put_object", Params={{"Bucket": bucket, "Key": key}}, ExpiresIn=60)
urllib.request.urlopen(urllib.request.Request(put, data=b"presigned", method="PUT", headers={{"Content-Type": ""}}))
assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"presigned"
s3.delete_objects(Bucket=bucket, Delete={{"Objects": [{{"Key": key}}]}})
virtual = boto3.client("s3", endpoint_url={farm.endpoint.replace("127.0.0.1", "localhost")!r})
virtual.head_bucket(Bucket=bucket)
name = boto3.client("lambda").list_functions()["Functions"][0]["FunctionArn"]
boto3.client("lambda").invoke(FunctionName=name, Payload=b"{{}}")
"""
    environment = {"PATH": "/usr/bin:/bin", **farm.environment}
    command = [sys.executable, "-c", program]
    ran = subprocess.run(
        command, env=environment, cwd=farm.work_dir, capture_output=True, text=True, check=False, timeout=120
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_key_is_in_no_command_line_and_differs_for_each_farm(farm: LocalFarm) -> None:
    secret = farm.environment["AWS_SECRET_ACCESS_KEY"]
    assert len(secret) == 40
    assert secret != LocalFarm().environment["AWS_SECRET_ACCESS_KEY"]
    lines = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if file.exists()]
    assert not [line for line in lines if secret.encode() in line]
