"""The logs of a Lambda function at each level of the stack's parameter."""

import json

import pytest

from frameloom.aws.lambda_logger import make_logger


@pytest.mark.parametrize(
    ("asked", "lambda_s", "logged"),
    [
        ("WARN", "INFO", ["warning"]),
        ("ERROR", "INFO", []),
        ("INFO", "INFO", ["info", "warning"]),
        ("DEBUG", "DEBUG", ["debug", "info", "warning"]),
        (None, None, ["info", "warning"]),
    ],
)
def test_a_function_logs_at_the_level_of_the_stack_not_of_lambda(
    asked: str | None,
    lambda_s: str | None,
    logged: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in (("POWERTOOLS_LOG_LEVEL", asked), ("AWS_LAMBDA_LOG_LEVEL", lambda_s)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    # A logger of its own: one of the same service is one and the same.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"logs-at-{asked}-in-{lambda_s}")
    logger = make_logger()
    for level in ("debug", "info", "warning"):
        getattr(logger, level)(level)
    assert [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()] == logged
