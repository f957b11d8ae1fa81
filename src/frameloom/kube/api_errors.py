"""What an API server, or the way to it, says against a request: one sentence, with what can be done about it."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError, MaxRetryError

from frameloom.model.errors import FarmUnavailable


class Named(Protocol):
    """A cluster, as far as sentences need it."""

    name: str
    remedy: Callable[[], str]


@contextmanager
def explained(cluster: Named, verb: str = "use", what: str = "the cluster") -> Iterator[None]:
    """Turn an error of the client into a sentence.

    Raises:
        FarmUnavailable: with the sentence.
    """
    try:
        yield
    except ApiException as error:
        raise FarmUnavailable(problem=_refusal(error, cluster, f"{verb} {what}")) from None
    except HTTPError as error:
        raise FarmUnavailable(problem=_no_way(error, cluster)) from None
    except ValueError as error:
        # How discovery says that what answers is no Kubernetes.
        problem = f"What answers for the cluster {cluster.name} is no API server: {error}."
        raise FarmUnavailable(problem=problem) from None


def forbidden(cluster: Named, act: str) -> str:
    """Return the sentence for a right that is missing."""
    return f"You may not {act} in the cluster {cluster.name}{_with(cluster.remedy())}."


def _refusal(error: ApiException, cluster: Named, act: str) -> str:
    message = _message(error).rstrip(".")
    match error.status:
        case 401:
            return f"The cluster {cluster.name} does not know you{_with(cluster.remedy())}."
        case 403:
            return forbidden(cluster, act)
        case 422 | 400:
            return f"The cluster {cluster.name} refuses to {act}: {message}."
        case _:
            return f"The cluster {cluster.name} failed to {act}: {message}."


def _with(remedy: str) -> str:
    return f": {remedy}" if remedy else ""


def _message(error: ApiException) -> str:
    """Return what the server says, or at least what HTTP says."""
    try:
        said = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        said = f"{error.status} {error.reason}"
    return " ".join(str(said).split())


def _no_way(error: HTTPError, cluster: Named) -> str:
    reason = error.reason if isinstance(error, MaxRetryError) and error.reason is not None else error
    if isinstance(reason, ssl.SSLError) or "CERTIFICATE_VERIFY" in str(reason):
        return f"What answers for the cluster {cluster.name} does not show that cluster's certificate."
    # urllib3 begins with its own name for the connection, which tells a person nothing.
    said = str(reason).rpartition("): ")[2]
    return (
        f"The cluster {cluster.name} cannot be reached: {said.rstrip('.')}. "
        "Where its endpoint is private, run this from inside of its network."
    )
