"""A fake API server over HTTP for the official client, with the operations that the fleet uses."""

import json
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlsplit

import yaml

from tests.kube.objects import Body, Conflict, Key, Objects

# group/version -> plural -> (kind, whether it is namespaced)
Kinds = dict[str, dict[str, tuple[str, bool]]]
BUILT_IN: Kinds = {
    "v1": {
        "namespaces": ("Namespace", False),
        "nodes": ("Node", False),
        "pods": ("Pod", True),
        "events": ("Event", True),
        "configmaps": ("ConfigMap", True),
        "secrets": ("Secret", True),
        "services": ("Service", True),
        "serviceaccounts": ("ServiceAccount", True),
        "resourcequotas": ("ResourceQuota", True),
        "limitranges": ("LimitRange", True),
    },
    "apps/v1": {"deployments": ("Deployment", True), "daemonsets": ("DaemonSet", True)},
    "batch/v1": {"jobs": ("Job", True), "cronjobs": ("CronJob", True)},
    "autoscaling/v2": {"horizontalpodautoscalers": ("HorizontalPodAutoscaler", True)},
    "networking.k8s.io/v1": {"networkpolicies": ("NetworkPolicy", True)},
    "policy/v1": {"poddisruptionbudgets": ("PodDisruptionBudget", True)},
    "scheduling.k8s.io/v1": {"priorityclasses": ("PriorityClass", False)},
    "rbac.authorization.k8s.io/v1": {
        "roles": ("Role", True),
        "rolebindings": ("RoleBinding", True),
        "clusterroles": ("ClusterRole", False),
        "clusterrolebindings": ("ClusterRoleBinding", False),
    },
    "apiextensions.k8s.io/v1": {"customresourcedefinitions": ("CustomResourceDefinition", False)},
    "apiregistration.k8s.io/v1": {"apiservices": ("APIService", False)},
    "admissionregistration.k8s.io/v1": {"validatingwebhookconfigurations": ("ValidatingWebhookConfiguration", False)},
    "authorization.k8s.io/v1": {"selfsubjectaccessreviews": ("SelfSubjectAccessReview", False)},
}
AUTO_MODE: Kinds = {
    "karpenter.sh/v1": {"nodepools": ("NodePool", False)},
    "eks.amazonaws.com/v1": {"nodeclasses": ("NodeClass", False)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A received request."""

    method: str
    path: str
    query: dict[str, str]
    token: str


@dataclass(kw_only=True)
class ApiServer:
    """A cluster; a context manager. Its controllers make all objects ready at once, except those in `stuck`."""

    kinds: Kinds = field(default_factory=lambda: {version: dict(each) for version, each in BUILT_IN.items()})
    # `knows` decides on a bearer token. `denied` has pairs of verb and plural.
    knows: Callable[[str], bool] = lambda _: True
    denied: set[tuple[str, str]] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    # Statuses of the responses to the next requests for objects.
    hiccups: list[int] = field(default_factory=list)
    # Called with an object that is about to be deleted.
    before_delete: Callable[[Body], None] = lambda _: None
    asked: list[Asked] = field(default_factory=list)
    certificate: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self.objects = Objects(settle=self._settle)
        self.lock = threading.RLock()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"cluster": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if self.certificate is not None:
            self._http.socket = self.certificate.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Return the server's URL."""
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://127.0.0.1:{self._http.server_address[1]}"

    def put(self, *bodies: Body) -> None:
        """Add objects of another client."""
        for body in bodies:
            metadata = body["metadata"]
            plural = self.plural(body["apiVersion"], body["kind"])
            self.objects.store((body["apiVersion"], plural, metadata.get("namespace", ""), metadata["name"]), body)

    def take(self, kind: str, name: str) -> None:
        """Delete an object as another client."""
        with self.lock:
            (key,) = (
                key
                for key, body in self.objects.items.items()
                if (body["kind"], body["metadata"]["name"]) == (kind, name)
            )
            del self.objects.items[key]

    def find(self, kind: str, name: str) -> Body | None:
        """Return an object from any namespace; None if it does not exist."""
        found = [each for each in self.all(kind) if each["metadata"]["name"] == name]
        return found[0] if found else None

    def all(self, kind: str) -> list[Body]:
        """Return the objects of a kind."""
        with self.lock:
            return [body for body in self.objects.items.values() if body["kind"] == kind]

    def names(self) -> set[tuple[str, str]]:
        """Return the kinds and names of all objects."""
        with self.lock:
            return {(body["kind"], body["metadata"]["name"]) for body in self.objects.items.values()}

    def versions(self) -> dict[Key, str]:
        """Return the resource versions of all objects."""
        with self.lock:
            return {key: body["metadata"]["resourceVersion"] for key, body in self.objects.items.items()}

    def plural(self, version: str, kind: str) -> str:
        """Return a kind's plural in paths."""
        return next(plural for plural, (name, _) in self.kinds[version].items() if name == kind)

    def release(self) -> None:
        """Make stuck objects ready."""
        with self.lock:
            self.stuck.clear()
            for body in list(self.objects.items.values()):
                self._settle(body)

    def _settle(self, body: Body) -> None:
        """Act as the controllers of a cluster."""
        if body["kind"] in self.stuck or body["metadata"]["name"] in self.stuck:
            return
        for kind, condition in CONDITIONS.items():
            if body["kind"] == kind:
                body.setdefault("status", {})["conditions"] = [{"type": condition, "status": "True"}]
        if body["kind"] == "Deployment":
            replicas = body["spec"].get("replicas", 1)
            body["status"] |= {
                "observedGeneration": body["metadata"]["generation"],
                "replicas": replicas,
                "updatedReplicas": replicas,
                "availableReplicas": replicas,
            }
        if body["kind"] == "CustomResourceDefinition":
            spec = body["spec"]
            for version in spec["versions"]:
                names = self.kinds.setdefault(f"{spec['group']}/{version['name']}", {})
                names[spec["names"]["plural"]] = (spec["names"]["kind"], spec["scope"] == "Namespaced")


CONDITIONS = {
    "CustomResourceDefinition": "Established",
    "Deployment": "Available",
    "ScaledJob": "Ready",
    "NodePool": "Ready",
    "NodeClass": "Ready",
}
_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete", "GET": "get"}
_PATH = re.compile(
    r"^/(?:api|apis)/(?P<version>v1|[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?$"
)


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    cluster: ClassVar[ApiServer]
    protocol_version = "HTTP/1.1"
    # Headers and body in one packet: a second packet would wait 40 ms for the acknowledgement of the first.
    wbufsize = -1

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        with self.cluster.lock:
            self.cluster.asked.append(Asked(method=self.command, path=parts.path, query=query, token=token))
            try:
                if not self.cluster.knows(token):
                    raise _Refused(401, "Unauthorized")
                status, answer = self._answer(parts.path, query, yaml.safe_load(data) if data else None)
            except _Refused as refused:
                status, answer = refused.status, {"kind": "Status", "status": "Failure", "message": str(refused)}
            body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    def _answer(self, path: str, query: dict[str, str], body: Any) -> tuple[int, Body]:
        kinds = self.cluster.kinds
        if path == "/version":
            return 200, {"major": "1", "minor": "34", "gitVersion": "v1.34.1"}
        if path == "/apis":
            groups: dict[str, list[Body]] = {}
            for version in kinds:
                if "/" in version:
                    group, name = version.split("/")
                    groups.setdefault(group, []).append({"groupVersion": version, "version": name})
            found = [{"name": name, "versions": each, "preferredVersion": each[0]} for name, each in groups.items()]
            return 200, {"kind": "APIGroupList", "groups": found}
        if (version := path.removeprefix("/apis/").removeprefix("/api/")) in kinds:
            return 200, {
                "kind": "APIResourceList",
                "groupVersion": version,
                "resources": [
                    {"name": plural, "kind": kind, "namespaced": namespaced, "singularName": "", "verbs": []}
                    for plural, (kind, namespaced) in kinds[version].items()
                ],
            }
        match = _PATH.match(path)
        if match is None or match["plural"] not in kinds.get(match["version"], {}):
            raise _Refused(404, "the server could not find the requested resource")
        if self.cluster.hiccups:
            raise _Refused(self.cluster.hiccups.pop(0), "the server is busy")
        return self._object(match, query, body)

    def _object(self, match: re.Match[str], query: dict[str, str], body: Any) -> tuple[int, Body]:
        cluster, objects = self.cluster, self.cluster.objects
        version, plural, namespace, name = match["version"], match["plural"], match["namespace"], match["name"]
        verb = _VERBS[self.command] if name or self.command != "GET" else "list"
        if plural == "selfsubjectaccessreviews":
            attributes = body["spec"]["resourceAttributes"]
            allowed = (attributes["verb"], attributes["resource"]) not in cluster.denied
            return 201, body | {"status": {"allowed": allowed}}
        if (verb, plural) in cluster.denied:
            raise _Refused(403, f'{plural} is forbidden: User "somebody" cannot {verb} resource "{plural}"')
        objects.look()
        if verb == "list":
            return 200, self._page(version, plural, objects.list(version, plural, namespace, _labels(query)), query)
        key: Key = (version, plural, namespace or "", name or "")
        if verb == "patch":
            return self._apply(key, query, body)
        if key not in objects.items:
            raise _Refused(404, f'{plural} "{name}" not found')
        if verb == "delete":
            cluster.before_delete(objects.items[key])
            metadata = objects.items[key]["metadata"]
            for name, value in ((body or {}).get("preconditions") or {}).items():
                if metadata[name] != value:
                    raise _Refused(409, f"Precondition failed: {name} in precondition: {value}")
            objects.delete(key)
            return 200, {"kind": "Status", "status": "Success"}
        return 200, objects.items[key]

    def _apply(self, key: Key, query: dict[str, str], body: Body) -> tuple[int, Body]:
        assert self.headers["Content-Type"] == "application/apply-patch+yaml"
        kind, namespaced = self.cluster.kinds[key[0]][key[1]]
        assert (body["apiVersion"], body["kind"], body["metadata"]["name"]) == (key[0], kind, key[3])
        if namespaced and ("v1", "namespaces", "", key[2]) not in self.cluster.objects.items:
            raise _Refused(404, f'namespaces "{key[2]}" not found')
        try:
            found, new = self.cluster.objects.apply(
                key, body, manager=query["fieldManager"], force=query.get("force") == "true"
            )
        except Conflict as conflict:
            raise _Refused(409, f"Apply failed with 1 conflict: {conflict}") from None
        return (201 if new else 200), found

    def _page(self, version: str, plural: str, found: list[Body], query: dict[str, str]) -> Body:
        first = int(query.get("continue", 0))
        last = first + int(query.get("limit", len(found) or 1))
        items = [{name: value for name, value in body.items() if name not in ("apiVersion", "kind")} for body in found]
        metadata = {"continue": str(last)} if last < len(items) else {}
        kind = self.cluster.kinds[version][plural][0]
        return {"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": items[first:last]}


def _labels(query: dict[str, str]) -> dict[str, str]:
    return dict(pair.split("=") for pair in query.get("labelSelector", "").split(",") if pair)
