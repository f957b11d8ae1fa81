"""Deletes worker Jobs that never started and are no longer needed; runs in the cluster, as a CronJob.

KEDA counts every unfinished Job as a worker and deletes none. A Job whose image cannot be pulled, or that fits no node,
would use up a worker's place, and often a node, for as long as it exists. The cleanup deletes such Jobs if an earlier
version of the ScaledJob made them, or if the queue is empty. It keeps Jobs that have started.

The pod has no other files, so this file imports only the standard library. `cluster/overlays/keda` has a copy.
"""

import argparse
import json
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

WORKER = "worker"
# KEDA's label and annotation on each Job: the ScaledJob's name, and its generation when it made the Job.
OWNER, GENERATION = "scaledjob.keda.sh/name", "scaledjob.keda.sh/generation"
JOB_NAME = "batch.kubernetes.io/job-name"
# Younger Jobs stay even if the queue is empty: KEDA polls every 15 seconds, and counts are approximate.
SETTLED = timedelta(minutes=5)
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# A page of 100 pods is a megabyte or so, and ten as objects.
_TIMEOUT, _PAGE = 20.0, 100

Object = Mapping[str, Any]


def is_finished(job: Object) -> bool:
    """Return whether a Job is complete, has failed or is being deleted."""
    conditions = (job.get("status") or {}).get("conditions") or []
    ended = any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in conditions)
    return ended or "deletionTimestamp" in job["metadata"]


def has_started(pod: Object) -> bool:
    """Return whether a container of a pod runs or ran; also True if that is unknown."""
    status = pod.get("status") or {}
    if status.get("phase") in ("Running", "Succeeded", "Unknown"):
        return True
    states = [
        state
        for each in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or []))
        for state in (each.get("state") or {}, each.get("lastState") or {})
    ]
    return any("running" in state or "terminated" in state for state in states)


def is_stale(job: Object, scaled_job: Object) -> bool:
    """Return whether an earlier version of the ScaledJob made a Job."""
    made_by = (job["metadata"].get("annotations") or {}).get(GENERATION, "")
    return bool(made_by.isdecimal()) and int(made_by) < scaled_job["metadata"]["generation"]


def is_idle(scaled_job: Object) -> bool:
    """Return whether KEDA finds no message in the queue, neither waiting nor leased.

    While KEDA cannot read the queue, it is not active either, but not ready.
    """
    conditions = (scaled_job.get("status") or {}).get("conditions") or []
    found = {each["type"]: each["status"] for each in conditions}
    return found.get("Ready") == "True" and found.get("Active") == "False"


def job_of(pod: Object) -> str | None:
    """Return the name of a pod's Job; None for a pod without a Job, and for a failed pod, which its Job replaces."""
    if (pod.get("status") or {}).get("phase") == "Failed":
        return None
    name: str | None = (pod["metadata"].get("labels") or {}).get(JOB_NAME)
    return name


def unstarted(jobs: Iterable[Object], pods: Iterable[Object]) -> list[Object]:
    """Return the unfinished Jobs without a started pod."""
    started = {job_of(pod) for pod in pods if has_started(pod)}
    return [job for job in jobs if not is_finished(job) and job["metadata"]["name"] not in started]


def unneeded(scaled_job: Object, jobs: Iterable[Object], pods: Iterable[Object], *, now: datetime) -> list[Object]:
    """Return the Jobs to delete."""
    idle = is_idle(scaled_job)

    def is_settled(job: Object) -> bool:
        return now - datetime.fromisoformat(job["metadata"]["creationTimestamp"]) >= SETTLED

    return [job for job in unstarted(jobs, pods) if is_stale(job, scaled_job) or (idle and is_settled(job))]


def deletion(job: Object) -> dict[str, Any]:
    """Return options that delete a Job and its pods unless it has changed since it was read."""
    metadata = job["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
    }


class _Api:
    """A client of the API server with the pod's service account."""

    def __init__(self, server: str, account: Path) -> None:
        self._server = server
        self._token = (account / "token").read_text().strip()
        authority = account / "ca.crt"
        self._context = ssl.create_default_context(cafile=str(authority)) if server.startswith("https:") else None

    def ask(
        self, path: str, query: Mapping[str, str] | None = None, *, method: str = "GET", body: Object | None = None
    ) -> Any:
        """Return the server's response; None if the object does not exist."""
        url = f"{self._server}{path}?{urllib.parse.urlencode(query or {})}"
        request = urllib.request.Request(url, method=method)  # noqa: S310  the API server's own address
        request.add_header("Authorization", f"Bearer {self._token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT, context=self._context) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def list(self, path: str, query: Mapping[str, str] | None = None) -> list[Object]:
        """Return all objects below a path, without their specs: thousands of workers must fit in a small pod."""
        found: list[Object] = []
        more = ""
        while True:
            page = self.ask(path, {**(query or {}), "limit": str(_PAGE), "continue": more})
            found += map(_without_spec, page["items"]) if page else []
            more = (page or {}).get("metadata", {}).get("continue") or ""
            if not more:
                return found


def _without_spec(found: Object) -> Object:
    """Return an object without its spec and the managers of its fields, which are most of it."""
    metadata, status = found["metadata"], found.get("status") or {}
    states = ("phase", "conditions", "initContainerStatuses", "containerStatuses")
    return {
        "metadata": {name: each for name, each in metadata.items() if name != "managedFields"},
        "status": {name: status[name] for name in states if name in status},
    }


def clean_up(api: _Api, namespace: str) -> list[str]:
    """Delete the Jobs that are no longer needed, and return their names."""
    scaled_job = api.ask(f"/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledjobs/{WORKER}")
    if scaled_job is None:
        return []
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    jobs = api.list(path, {"labelSelector": f"{OWNER}={WORKER}"})
    # List pods after Jobs: a pod that starts in between then keeps its Job.
    pods = api.list(f"/api/v1/namespaces/{namespace}/pods")
    deleted = []
    for job in unneeded(scaled_job, jobs, pods, now=datetime.now(UTC)):
        try:
            api.ask(f"{path}/{job['metadata']['name']}", method="DELETE", body=deletion(job))
        except urllib.error.HTTPError as error:
            # The Job has changed; the next run decides.
            if error.code != 409:
                raise
        else:
            deleted.append(job["metadata"]["name"])
    return deleted


def main() -> int:
    """Clean up once; return 0, or 1 if the API server refuses a request."""
    parser = argparse.ArgumentParser(description="Delete worker Jobs that never started and are no longer needed.")
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    parser.add_argument("--server", default=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")
    parser.add_argument("--account", type=Path, default=_ACCOUNT, help="the folder of the service account's files")
    arguments = parser.parse_args()
    namespace = (arguments.account / "namespace").read_text().strip()
    try:
        for name in clean_up(_Api(arguments.server, arguments.account), namespace):
            print(f"Deleted the Job {name}, which never started")
    except (OSError, ValueError) as error:
        print(f"job_cleanup: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
