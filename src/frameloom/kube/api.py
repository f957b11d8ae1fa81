"""Applies, reads, lists and deletes a cluster's objects of any kind."""

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

# The field manager of a fleet's fields; fields of other managers in the same object stay unchanged.
MANAGER = "frameloom"

# Transient errors: a conflict, a throttled or restarting server, a webhook that is not up yet.
TRANSIENT = frozenset({409, 429, 500, 502, 503, 504})
# Attempts for each request, and limits of the delays between them, in seconds. They last 15 seconds on average: a
# control plane that EKS scales up answers again by then.
ATTEMPTS = 6
FIRST_DELAY, LONGEST_DELAY = 1.0, 16.0
# Timeouts to connect and to respond, in seconds. The endpoint of a private cluster drops packets silently.
TIMEOUT = (10.0, 60.0)
PAGE = 500


class _Client(DynamicClient):  # type: ignore[misc]  # the client has no types
    """The dynamic client with a timeout on every request; the original has no timeout for discovery."""

    def request(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Send one request."""
        params.setdefault("_request_timeout", TIMEOUT)
        return super().request(method, path, body, **params)


class Cluster:
    """A cluster that responds; its errors are sentences with its name.

    Args:
        client: the official client, connected.
        name: the cluster's name in messages.
        remedy: returns advice for a user who lacks a right; called only for such an error.
    """

    def __init__(self, client: Any, *, name: str, remedy: Callable[[], str] = lambda: "") -> None:
        self.name, self.remedy = name, remedy
        # By default, the client caches discovery in a shared folder, where any user could plant a file.
        with tempfile.TemporaryDirectory() as folder, explained(self):
            self._client = _Client(client, cache_file=str(Path(folder, "discovered.json")))

    @property
    def server(self) -> str:
        """Return the URL of the API server."""
        return str(self._client.client.configuration.host)

    def apply(self, manifest: Manifest, *, manager: str = MANAGER) -> dict[str, Any]:
        """Apply a manifest by server-side apply, and return the object.

        Fields that the manifest lacks stay, unless this manager has set them before.
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
        """Return an object; None if it or its kind does not exist."""
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
        """Yield the objects of a kind with these labels, from all namespaces if `namespace` is None."""
        if not self.knows(api_version, kind):
            return
        selector = ",".join(f"{name}={value}" for name, value in (labels or {}).items()) or None
        more: str | None = None
        while more != "":
            with explained(self, "list", f"{kind}s"):
                page = self._page(api_version, kind, namespace=namespace, selector=selector, after=more)
            # The items of a list lack their kind.
            yield from (item | {"apiVersion": api_version, "kind": kind} for item in page["items"])
            more = page["metadata"].get("continue") or ""

    def delete(self, found: Manifest) -> None:
        """Start to delete an object and its dependents; do nothing if it does not exist."""
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
        """Start to delete an object; return False if it does not meet the preconditions in `options`."""
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
        """Return whether the cluster knows a kind."""
        with explained(self):
            return self._search(api_version, kind) is not None

    def may(self, verb: str, manifest: Manifest) -> bool:
        """Return whether this user may do something with an object; True for an unknown kind."""
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
        # The client treats an empty group or kind as a wildcard, and a wildcard must never be deleted.
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
    """Return an object's kind and name for messages: `ScaledJob 'worker'`."""
    return f"{manifest['kind']} {manifest['metadata']['name']!r}"


def _named(manifest: Mapping[str, str]) -> dict[str, str]:
    return {"api_version": manifest["apiVersion"], "kind": manifest["kind"]}
