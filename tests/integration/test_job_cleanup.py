"""The Job cleanup as in its pod: the script without other files, with the pod's rights and memory."""

import fnmatch
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from frameloom.kube.job_cleanup import _PAGE
from tests.conformance.manifests import CLUSTER, overlay
from tests.kube.jobs import job, pod, unscheduled, waiting
from tests.kube.server import ApiServer

SCRIPT = CLUSTER / "overlays/keda/job_cleanup.py"
RUNNING: dict[str, Any] = {"containerStatuses": [{"name": "worker", "state": {"running": {}}}]}
STUCK: dict[str, Any] = waiting("ImagePullBackOff")


class Cleanup:
    """The script and its cluster."""

    def __init__(self, server: ApiServer, account: Path) -> None:
        self.server, self._account = server, account
        (cron_job,) = [each for each in overlay("keda") if each["kind"] == "CronJob"]
        (container,) = cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        self._mebibytes = int(container["resources"]["limits"]["memory"].removesuffix("Mi"))
        for name, text in {"token": "of-the-pod\n", "namespace": "frameloom"}.items():
            (account / name).write_text(text)

    def put_scaled_job(self, *, active: str, ready: str = "True", generation: int = 1) -> None:
        """Add the ScaledJob with the conditions that KEDA set at its last poll of the queue."""
        metadata = {"name": "worker", "namespace": "frameloom"}
        found: dict[str, Any] = {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledJob",
            "metadata": metadata,
            "spec": {},
        }
        self.server.put(found)
        found["metadata"] |= {"generation": generation}
        found["status"] = {"conditions": [{"type": "Ready", "status": ready}, {"type": "Active", "status": active}]}

    def run(self) -> tuple[int, list[str], str]:
        """Run it once; return its exit code, the names of the Jobs that it deleted, and its errors."""
        command = [
            *("sh", "-c", 'ulimit -d "$0" && exec "$@"', str(self._mebibytes * 1024)),
            sys.executable,
            "-I",
            "-B",
            str(SCRIPT),
            "--server",
            self.server.url,
            "--account",
            str(self._account),
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return ended.returncode, sorted(line.split()[3].rstrip(",") for line in ended.stdout.splitlines()), ended.stderr

    def jobs(self) -> set[str]:
        """Return the names of the remaining Jobs."""
        return {each["metadata"]["name"] for each in self.server.all("Job")}


@pytest.fixture
def cleanup(tmp_path: Path) -> Iterator[Cleanup]:
    kinds = ApiServer().kinds | {"keda.sh/v1alpha1": {"scaledjobs": ("ScaledJob", True)}}
    with ApiServer(kinds=kinds) as server:
        yield Cleanup(server, tmp_path)


def test_jobs_that_never_started_are_deleted_when_the_queue_is_empty(cleanup: Cleanup) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    cleanup.server.put(
        *(job(name) for name in ("image", "room", "renders")),
        job("young", created=now),
        pod("image", "Pending", **STUCK),
        pod("room", "Pending", **unscheduled("no room")),
        pod("young", "Pending", **STUCK),
        pod("renders", "Running", **RUNNING),
    )
    cleanup.put_scaled_job(active="True")
    assert cleanup.run() == (0, [], "")
    cleanup.put_scaled_job(active="Unknown")
    assert cleanup.run() == (0, [], "")
    cleanup.put_scaled_job(active="False")
    assert cleanup.run() == (0, ["image", "room"], "")
    assert cleanup.jobs() == {"young", "renders"}


def test_a_queue_that_keda_cannot_read_does_not_count_as_empty(cleanup: Cleanup) -> None:
    """In this case KEDA sets Active to False, and Ready to False; before 2.19 it sets Ready to Unknown."""
    cleanup.server.put(job("room"), pod("room", "Pending", **unscheduled("no room")))
    for ready in ("False", "Unknown"):
        cleanup.put_scaled_job(active="False", ready=ready)
        assert cleanup.run() == (0, [], "")
    cleanup.put_scaled_job(active="False")
    assert cleanup.run() == (0, ["room"], "")


def test_jobs_of_an_earlier_version_are_deleted_while_chunks_wait(cleanup: Cleanup) -> None:
    cleanup.put_scaled_job(active="True", generation=7)
    cleanup.server.put(
        job("old", generation=6),
        job("new", generation=7),
        job("renders", generation=1),
        *(pod(name, "Pending", **STUCK) for name in ("old", "new")),
        pod("renders", "Running", **RUNNING),
    )
    assert cleanup.run() == (0, ["old"], "")
    assert cleanup.jobs() == {"new", "renders"}


def test_a_job_that_starts_during_the_cleanup_stays(cleanup: Cleanup) -> None:
    cleanup.put_scaled_job(active="False")
    cleanup.server.put(job("late"), pod("late", "Pending", **STUCK))
    cleanup.server.before_delete = lambda found: cleanup.server.put(found | {"status": {"ready": 1}})
    assert cleanup.run() == (0, [], "")
    assert cleanup.jobs() == {"late"}


def test_many_jobs_are_read_page_by_page(cleanup: Cleanup) -> None:
    cleanup.put_scaled_job(active="False")
    cleanup.server.put(*(job(f"job-{number:04}") for number in range(_PAGE + 2)))
    cleanup.server.put(pod("job-0000", "Running", **RUNNING))
    code, deleted, _ = cleanup.run()
    assert (code, len(deleted)) == (0, _PAGE + 1)
    assert cleanup.jobs() == {"job-0000"}


def test_the_pods_of_a_thousand_workers_fit_in_the_memory_of_its_pod(cleanup: Cleanup) -> None:
    """250 Jobs and pods with the size of 1,000; most of it is in their specs."""
    cleanup.put_scaled_job(active="True")
    spec = {"containers": [{"env": [{"name": f"N{number}", "value": "v"} for number in range(1_000)]}]}
    for number in range(250):
        cleanup.server.put(job(f"{number}") | {"spec": spec}, pod(f"{number}", "Running", **RUNNING) | {"spec": spec})
    assert cleanup.run() == (0, [], "")


def test_jobs_stay_without_a_fleet(cleanup: Cleanup) -> None:
    cleanup.server.put(job("of-somebody"))
    assert cleanup.run() == (0, [], "")
    assert cleanup.jobs() == {"of-somebody"}


def test_a_server_that_refuses_is_reported(cleanup: Cleanup) -> None:
    cleanup.server.knows = lambda token: token != "of-the-pod"
    assert cleanup.run() == (1, [], "job_cleanup: HTTP Error 401: Unauthorized\n")


def test_the_cleanup_uses_exactly_the_rights_of_its_role(cleanup: Cleanup) -> None:
    cleanup.put_scaled_job(active="False")
    cleanup.server.put(job("image"), pod("image", "Pending", **STUCK))
    assert cleanup.run()[1] == ["image"]
    asked = {_right(each.method, each.path) for each in cleanup.server.asked}
    (role,) = [each for each in overlay("keda") if each["kind"] == "Role"]
    allowed = {
        (verb, group, resource, name)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", ["*"])
    }
    assert {each for each in asked if any(_covers(right, each) for right in allowed)} == asked
    assert {right for right in allowed if any(_covers(right, each) for each in asked)} == allowed


def _right(method: str, path: str) -> tuple[str, str, str, str]:
    version, _, rest = path.partition("/namespaces/frameloom/")
    resource, _, name = rest.partition("/")
    group = version.removeprefix("/apis/").partition("/")[0] if version.startswith("/apis/") else ""
    verb = {"DELETE": "delete", "GET": "get" if name else "list"}[method]
    return verb, group, resource, name


def _covers(right: tuple[str, str, str, str], asked: tuple[str, str, str, str]) -> bool:
    return right[:3] == asked[:3] and fnmatch.fnmatch(asked[3], right[3])


def test_the_copy_in_the_manifests_equals_the_module() -> None:
    module = CLUSTER.parent / "src/frameloom/kube/job_cleanup.py"
    assert SCRIPT.read_bytes() == module.read_bytes(), f"run `cp {module} {SCRIPT}`"
