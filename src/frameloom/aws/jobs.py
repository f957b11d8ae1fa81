"""The jobs of a farm that still run, and their end."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from frameloom.aws.clients import client

_GONE = ("StateMachineDoesNotExist", "StateMachineDeleting", "ExecutionDoesNotExist")


def running_jobs(machine: str) -> list[str]:
    """Return the ARNs of a state machine's running executions; none where it is gone."""
    return list(_running(machine))


def stop_job(execution: str, *, reason: str) -> None:
    """Cancel a job; one that has ended stays as it is."""
    try:
        client("stepfunctions").stop_execution(executionArn=execution, error="Canceled", cause=reason)
    except ClientError as error:
        _raise_unless_gone(error)


def _running(machine: str) -> Iterator[str]:
    pages = client("stepfunctions").get_paginator("list_executions")
    try:
        for page in pages.paginate(stateMachineArn=machine, statusFilter="RUNNING"):
            yield from (execution["executionArn"] for execution in page["executions"])
    except ClientError as error:
        _raise_unless_gone(error)


def _raise_unless_gone(error: ClientError) -> None:
    if error.response["Error"]["Code"] not in _GONE:
        raise error
