"""A cluster's objects: applied, found, listed and deleted, whatever their kind."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError, ResourceNotFoundError
from urllib3.exceptions import HTTPError

from frameloom.kube.api_errors import explained
from frameloom.model.backoff import delays
from frameloom.model.errors import FarmUnavailable

T = TypeVar("T")
Manifest = Mapping[str, Any]

# Who says so of a field that the fleet sets; another manager's fields of the same object stay as they are.
MANAGER = "frameloom"

# Transient errors: a conflict, a throttled or restarting server, a webhook that is not up yet.
TRANSIENT = frozenset({409, 429, 500, 502, 503, 504})
# Attempts for each request, and limits of the delays between them, in seconds. They last 15 seconds on average: a
# control plane that EKS scales up answers again by then.
ATTEMPTS = 6
FIRST_DELAY, LONGEST_DELAY = 1.0, 16.0
# In seconds, to connect and to answer: the endpoint of a private cluster takes packets in and says nothing.
TIMEOUT = (10.0, 60.0)
PAGE = 500


class _Client(DynamicClient):  # type: ignore[misc]  # the client has no types
    """The dynamic client with a time-out on every request; its discovery has none of its own."""

    def request(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Send one request."""
        params.setdefault("_request_timeout", TIMEOUT)
        return super().request(method, path, body, **params)


class Cluster:
    """A cluster that answers; every error is a sentence that names it.

    Args:
        client: the official client, connected.
        name: what the cluster is called in sentences.
        remedy: what one who lacks a right can do about it, asked for only then.
    """

    def __init__(self, client: Any, *, name: str, remedy: Callable[[], str] = lambda: "") -> None:
        self.name, self.remedy = name, remedy
        # The client keeps what it discovers in a file that any user of the machine could have put there.
        with tempfile.TemporaryDirectory() as folder, explained(self):
            self._client = _Client(client, cache_file=str(Path(folder, "discovered.json")))

    @property
    def server(self) -> str:
        """Return the URL that the cluster is reached at."""
        return str(self._client.client.configuration.host)

    def apply(self, manifest: Manifest, *, manager: str = MANAGER) -> dict[str, Any]:
        """Make an object what `manifest` says, by server-side apply, and return it.

        What the manifest does not name stays, unless this manager set it before.
        """
        kind = self._kind(manifest["apiVersion"], manifest["kind"])
        metadata = manifest["metadata"]
        with explained(self, "change", kind_name(manifest)):
            applied = self._retry(
                lambda: kind.server_side_apply(
                    body=dict(manifest),
                    name=metadata["name"],
                    namespace=metadata.get("namespace"),
                    field_manager=manager,
                    force_conflicts="true",
                )
            )
        found: dict[str, Any] = applied.to_dict()
        return found

    def find(self, api_version: str, kind: str, name: str, *, namespace: str | None = None) -> dict[str, Any] | None:
        """Return an object, None where there is none, or no such kind."""
        if not self.knows(api_version, kind):
            return None
        with explained(self, "read", f"{kind} {name!r}"):
            try:
                found = self._retry(lambda: self._kind(api_version, kind).get(name=name, namespace=namespace))
            except NotFoundError:
                return None
        document: dict[str, Any] = found.to_dict()
        return document

    def list(
        self, api_version: str, kind: str, *, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the objects of a kind that carry `labels`, in all namespaces where none is named."""
        if not self.knows(api_version, kind):
            return
        selector = ",".join(f"{name}={value}" for name, value in (labels or {}).items()) or None
        more: str | None = None
        while more != "":
            with explained(self, "list", f"{kind}s"):
                page = self._page(api_version, kind, namespace=namespace, selector=selector, after=more)
            # A list's items do not say what they are.
            yield from (item | {"apiVersion": api_version, "kind": kind} for item in page["items"])
            more = page["metadata"].get("continue") or ""

    def delete(self, found: Manifest) -> None:
        """Begin to delete an object and what it owns; one that is gone stays gone."""
        metadata = found["metadata"]
        with explained(self, "delete", kind_name(found)):
            try:
                self._retry(
                    lambda: self._kind(found["apiVersion"], found["kind"]).delete(
                        name=metadata["name"],
                        namespace=metadata.get("namespace"),
                        body={"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"},
                    )
                )
            except NotFoundError:
                return

    def delete_unchanged(self, found: Manifest, options: Manifest) -> bool:
        """Begin to delete an object; return False if it does not meet the preconditions in `options`."""
        metadata = found["metadata"]
        kind = self._kind(found["apiVersion"], found["kind"])
        with explained(self, "delete", kind_name(found)):
            try:
                # Do not retry: a conflict is a valid result here.
                kind.delete(name=metadata["name"], namespace=metadata.get("namespace"), body=dict(options))
            except NotFoundError:
                return True
            except ConflictError:
                return False
        return True

    def knows(self, api_version: str, kind: str) -> bool:
        """Return whether the cluster has objects of a kind."""
        with explained(self):
            return self._search(api_version, kind) is not None

    def may(self, verb: str, manifest: Manifest) -> bool:
        """Return whether this client may do something with an object; a kind that is not there yet, it may."""
        with explained(self):
            kind = self._search(manifest["apiVersion"], manifest["kind"])
        if kind is None:
            return True
        attributes = {"verb": verb, "group": kind.group or "", "resource": kind.name}
        if kind.namespaced:
            attributes["namespace"] = manifest["metadata"]["namespace"]
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        with explained(self, "create", "SelfSubjectAccessReview"):
            answer = self._retry(
                lambda: self._kind(**_named(review)).create(
                    body=review | {"metadata": {}, "spec": {"resourceAttributes": attributes}}
                )
            )
        return bool(answer.to_dict()["status"]["allowed"])

    def _page(
        self, api_version: str, kind: str, *, namespace: str | None, selector: str | None, after: str | None
    ) -> dict[str, Any]:
        found = self._retry(
            lambda: self._kind(api_version, kind).get(
                namespace=namespace, label_selector=selector, limit=PAGE, _continue=after
            )
        )
        page: dict[str, Any] = found.to_dict()
        return page

    def _kind(self, api_version: str, kind: str) -> Any:
        with explained(self):
            found = self._search(api_version, kind)
        if found is None:
            raise FarmUnavailable(problem=f"The cluster {self.name} has no {kind} of {api_version}.")
        return found

    def _search(self, api_version: str, kind: str) -> Any:
        group, _, version = api_version.rpartition("/")
        try:
            found = self._retry(
                lambda: self._client.resources.search(
                    prefix="apis" if group else "api", group=group, api_version=version, kind=kind
                )
            )
        except ResourceNotFoundError:
            return None
        # To the client what is empty means anything, and anything must never be deleted.
        exact = (each for each in found if (each.group_version, each.kind) == (api_version, kind))
        return next(exact, None)

    def _retry(self, send: Callable[[], T]) -> T:
        """Return the response to a request; send it again after a transient error."""
        for delay in islice(delays(first=FIRST_DELAY, longest=LONGEST_DELAY), ATTEMPTS - 1):
            try:
                return send()
            except ApiException as error:
                if error.status not in TRANSIENT:
                    raise
            except HTTPError:
                pass
            time.sleep(delay)
        return send()


def kind_name(manifest: Manifest) -> str:
    """Return an object as sentences call it: `ScaledJob 'worker'`."""
    return f"{manifest['kind']} {manifest['metadata']['name']!r}"


def _named(manifest: Mapping[str, str]) -> dict[str, str]:
    return {"api_version": manifest["apiVersion"], "kind": manifest["kind"]}
