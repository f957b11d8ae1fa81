"""Parses recorded HTTP requests to AWS into calls, with botocore's service models."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import botocore.session
from botocore.model import OperationModel

# Services with the operation in the path, by their names in signatures.
_REST = ("s3", "lambda")

# Headers that the SDK adds and that need no permission: checksums, retries, the format of errors.
_OF_THE_SDK = re.compile(r"x-amz-(checksum-.*|sdk-checksum-algorithm|trailer|decoded-content-length)|x-amzn-query-mode")
_QUERY_OF_THE_SDK = {"x-id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of the SDK; `principal` is the access key, `status` the HTTP status of the response."""

    principal: str
    service: str
    operation: str
    parameters: Mapping[str, Any]
    status: int


def read_call(line: str) -> Call:
    """Return the call in a line of `frameloom.local.call_recorder`.

    Raises:
        ValueError: no operation matches, or several do.
    """
    record = json.loads(line)
    operation, parameters = _asked(record)
    return Call(
        principal=record["principal"],
        service=record["service"],
        operation=operation,
        parameters=parameters,
        status=record["status"],
    )


def _asked(record: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    if target := record["headers"].get("x-amz-target"):
        return target.rpartition(".")[2], json.loads(record["body"] or "{}")
    if record["service"] in _REST:
        return _rest_operation(record)
    form = dict(parse_qsl(record["body"]))
    if "Action" not in form:
        raise ValueError(f"no operation of {record['service'] or 'any service'}: {record['method']} {record['uri']}")
    return form.pop("Action"), form


def _rest_operation(record: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    path, _, query_string = record["uri"].partition("?")
    query = dict(parse_qsl(query_string, keep_blank_values=True))
    headers = {name: value for name, value in record["headers"].items() if not _OF_THE_SDK.fullmatch(name)}
    known = _operations(record["service"])
    found = [
        (weight, operation.name, parameters)
        for operation in known
        if operation.http["method"] == record["method"]
        for weight, parameters in _fits(operation, path, query, headers)
    ]
    most = max((weight for weight, _, _ in found), default=0)
    best = [(name, parameters) for weight, name, parameters in found if weight == most]
    if len(best) != 1:
        names = ", ".join(name for name, _ in best) or "none"
        raise ValueError(f"operations of {record['service']} that {record['method']} {record['uri']} may be: {names}")
    return best[0]


def _fits(
    operation: OperationModel, path: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the parameters if a request matches an operation, and the number of parts that only this operation has."""
    template, _, fixed_string = operation.http["requestUri"].partition("?")
    fixed = dict(parse_qsl(fixed_string, keep_blank_values=True))
    in_path = re.fullmatch(_path_pattern(template), path)
    if in_path is None or any(query.get(name) != value for name, value in fixed.items()):
        return
    parameters: dict[str, Any] = {name: unquote(value) for name, value in in_path.groupdict().items()}
    left = {"querystring": {n: v for n, v in query.items() if n not in fixed | dict.fromkeys(_QUERY_OF_THE_SDK)}}
    left["header"] = dict(headers)
    weight = len(fixed)
    shape = operation.input_shape
    required = shape.required_members if shape else []
    for member, its in shape.members.items() if shape else []:
        where, name = its.serialization.get("location"), its.serialization.get("name", member)
        if where == "headers":
            # User metadata: all headers with a prefix.
            for header in [each for each in left["header"] if each.startswith(name.lower())]:
                del left["header"][header]
        elif where in left:
            value = left[where].pop(name.lower() if where == "header" else name, None)
            if value is not None:
                parameters[member] = value
                weight += member in required
            elif member in required:
                return
    # Another operation must have the parts that this operation does not know.
    if not any(left.values()):
        yield weight, parameters


def _path_pattern(template: str) -> str:
    pattern = re.escape(template).replace(r"\{", "{").replace(r"\}", "}").replace(r"\+", "+")
    pattern = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", pattern)
    return re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)


@cache
def _operations(service: str) -> tuple[OperationModel, ...]:
    model = botocore.session.get_session().get_service_model(service)
    return tuple(model.operation_model(name) for name in model.operation_names)
