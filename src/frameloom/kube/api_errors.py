"""Explains errors of an API server and of the connection to it: one sentence, with advice."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError, MaxRetryError

from frameloom.model.errors import FarmUnavailable


class Named(Protocol):
    """A cluster's name and advice."""

    name: str
    remedy: Callable[[], str]


@contextmanager
def explained(cluster: Named, verb: str = "use", what: str = "the cluster") -> Iterator[None]:
    """Explain an error of the client.

    Raises:
        FarmUnavailable: with one sentence.
    """
    try:
        yield
    except ApiException as error:
        raise FarmUnavailable(problem=_explanation(error, cluster, f"{verb} {what}")) from None
    except HTTPError as error:
        raise FarmUnavailable(problem=_unreachable(error, cluster)) from None
    except ValueError as error:
        # Discovery raises it for a server that is not Kubernetes.
        problem = f"The server at the endpoint of the cluster {cluster.name} is not an API server: {error}."
        raise FarmUnavailable(problem=problem) from None


def forbidden(cluster: Named, act: str) -> str:
    """Return the sentence for a missing right."""
    return f"You may not {act} in the cluster {cluster.name}{_with(cluster.remedy())}."


def _explanation(error: ApiException, cluster: Named, act: str) -> str:
    message = _message(error).rstrip(".")
    match error.status:
        case 401:
            return f"The cluster {cluster.name} does not accept your credentials{_with(cluster.remedy())}."
        case 403:
            return forbidden(cluster, act)
        case 422 | 400:
            return f"The cluster {cluster.name} refused to {act}: {message}."
        case _:
            return f"The cluster {cluster.name} failed to {act}: {message}."


def _with(remedy: str) -> str:
    return f": {remedy}" if remedy else ""


def _message(error: ApiException) -> str:
    """Return the server's message, or else the HTTP status."""
    try:
        message = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        message = f"{error.status} {error.reason}"
    return " ".join(str(message).split())


def _unreachable(error: HTTPError, cluster: Named) -> str:
    reason = error.reason if isinstance(error, MaxRetryError) and error.reason is not None else error
    if isinstance(reason, ssl.SSLError) or "CERTIFICATE_VERIFY" in str(reason):
        return f"The server at the endpoint of the cluster {cluster.name} does not have that cluster's certificate."
    # urllib3 puts the name of its connection object first.
    message = str(reason).rpartition("): ")[2]
    return (
        f"The cluster {cluster.name} cannot be reached: {message.rstrip('.')}. "
        "If its endpoint is private, run this command inside its network."
    )
