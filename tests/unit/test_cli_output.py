"""The sentence and the exit code of a command after an error."""

import errno
import json

import pytest
import typer
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from frameloom.cli.output import answering
from frameloom.model.errors import FarmUnavailable, InvalidRequest

ENDINGS: dict[str, tuple[BaseException, int, str]] = {
    "a request": (InvalidRequest(field="frames", problem="are none"), 2, "frames: are none."),
    "a farm": (FarmUnavailable(problem="There is none."), 1, "There is none."),
    "a full disk": (
        OSError(errno.ENOSPC, "No space left on device", "out/1.png"),
        1,
        "frameloom: No space left on device: 'out/1.png'.",
    ),
    "a denial": (ClientError({"Error": {"Code": "AccessDenied", "Message": "No."}}, "PutObject"), 1, "AccessDenied"),
    "no region": (
        NoRegionError(),
        1,
        "You must specify a region: set AWS_DEFAULT_REGION, or a region in your AWS profile.",
    ),
    "no keys": (NoCredentialsError(), 1, "Unable to locate credentials: run `aws configure`, or set AWS_PROFILE."),
    "no network": (
        EndpointConnectionError(endpoint_url="https://x"),
        1,
        'Could not connect to the endpoint URL: "https',
    ),
    "an upload": (
        S3UploadFailedError("Failed to upload shot.blend\nto scenes"),
        1,
        "Failed to upload shot.blend to scenes.",
    ),
    "an interrupt": (KeyboardInterrupt(), 130, "Interrupted before a job was started."),
}


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_an_error_ends_a_command_with_one_sentence_and_an_exit_code(
    name: str, *, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    error, code, sentence = ENDINGS[name]
    with pytest.raises(typer.Exit) as left, answering(json=as_json):
        raise error
    out, err = capsys.readouterr()
    assert left.value.exit_code == code
    assert err.startswith("frameloom: ")
    assert err.count("\n") == 1
    assert sentence in err
    if as_json:
        assert set(json.loads(out)) == {"error", "cause"}
    else:
        assert out == ""


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), answering(json=False):
        raise ZeroDivisionError


def test_json_names_the_class_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), answering(json=True):
        raise InvalidRequest(field="frames", problem="are none")
    assert json.loads(capsys.readouterr().out) == {"error": "InvalidRequest", "cause": "frames: are none."}
