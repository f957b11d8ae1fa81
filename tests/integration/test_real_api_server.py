"""The fleet's operations on a real API server; skipped without its binaries.

`KUBEBUILDER_ASSETS` names the folder of kube-apiserver and etcd, as for Kubernetes' own test tools;
tools/apiserver/build.sh builds both from source. There are no controllers: no object becomes available, and a
namespace is never completely deleted.
"""

import base64
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from frameloom.kube import api, fleet, fleet_deletion, keda, manifests, readiness
from frameloom.kube.api import Cluster
from frameloom.kube.connection import connect
from frameloom.model.errors import FarmUnavailable
from tests.fleet_rig import keda_release

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = manifests.Settings(
    stack="farm",
    namespace="frameloom",
    image="registry.example/worker:1",
    config={"CHUNK_QUEUE_URL": "https://q", "LOG_QUEUE_URL": "https://l", "LOG_BUCKET": "b", "AWS_REGION": "eu-1"},
)
# Timeout for the server's start on a busy machine, in seconds.
PATIENCE = 90.0

Connect = Callable[[str], Cluster]


@pytest.fixture(scope="module")
def reach(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    """A server that is reached with a token: `admin` has all rights, `nobody` none."""
    assets = os.environ.get("KUBEBUILDER_ASSETS", "")
    missing = [name for name in ("kube-apiserver", "etcd") if shutil.which(name, path=assets) is None]
    if missing:
        pytest.skip(f"KUBEBUILDER_ASSETS names no folder with {' and '.join(missing)}: see tools/apiserver/build.sh")
    folder = tmp_path_factory.mktemp("server")
    port, store, peer = free_port(), f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    (folder / "tokens.csv").write_text("admin,admin,1,system:masters\nnobody,nobody,2\n")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "accounts.key").write_bytes(key)
    with ExitStack() as parts:
        listens = {"--listen-client-urls": store, "--advertise-client-urls": store, "--listen-peer-urls": peer}
        etcd = {"--data-dir": folder / "etcd", **listens}
        parts.enter_context(running(shutil.which("etcd", path=assets), etcd, folder / "etcd.log"))
        server = {
            "--etcd-servers": store,
            "--cert-dir": folder / "certs",
            "--bind-address": "127.0.0.1",
            "--secure-port": port,
            "--authorization-mode": "RBAC",
            "--token-auth-file": folder / "tokens.csv",
            "--disable-admission-plugins": "ServiceAccount",
            "--service-account-issuer": "https://localhost",
            "--service-account-key-file": folder / "accounts.key",
            "--service-account-signing-key-file": folder / "accounts.key",
            "--service-cluster-ip-range": "10.0.0.0/24",
            "--endpoint-reconciler-type": "none",
        }
        parts.enter_context(running(shutil.which("kube-apiserver", path=assets), server, folder / "server.log"))

        def reached(token: str) -> Cluster:
            certificate = base64.b64encode((folder / "certs" / "apiserver.crt").read_bytes()).decode()
            return connect(
                name="real",
                endpoint=f"https://127.0.0.1:{port}",
                certificate=certificate,
                token=lambda: token,
                remedy=lambda: "ask",
            )

        wait_for(lambda: reached("admin").find("v1", "Namespace", "kube-system"))
        yield reached


@contextmanager
def running(program: str | None, options: Mapping[str, object], log: Path) -> Iterator[None]:
    """Run a program as long as the block."""
    assert program is not None
    with log.open("w") as file:
        words = [program, *(f"{name}={value}" for name, value in options.items())]
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_for(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if found():
                return
        except (FarmUnavailable, OSError):
            pass
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.3)


def release() -> list[dict[str, Any]]:
    """Return KEDA's release as far as a real server wants it to make sense."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    service = {"name": "keda", "namespace": "keda"}
    documents = keda_release()
    for each in documents:
        each["metadata"]["labels"] = each["metadata"].get("labels", {}) | keda.INSTALLED
        match each["kind"]:
            case "CustomResourceDefinition":
                each["spec"]["names"]["singular"] = each["spec"]["names"]["kind"].lower()
                each["spec"]["versions"][0] |= {"schema": schema, "subresources": {"status": {}}}
            case "Deployment":
                each["spec"]["selector"] = {"matchLabels": {"app": each["metadata"]["name"]}}
            case "RoleBinding":
                each["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
            case "APIService":
                each["spec"] = {"group": "external.metrics.k8s.io", "version": "v1beta1", "service": service}
                each["spec"] |= {"groupPriorityMinimum": 1, "versionPriority": 1, "insecureSkipTLSVerify": True}
    return documents


def rendered(overlay: str) -> list[dict[str, Any]]:
    return manifests.render(ROOT / "cluster", overlay, SETTINGS)


def changes(cluster: Cluster, overlay: str) -> dict[str, str]:
    """Deploy an overlay, and return the change of each kind."""
    objects = rendered(overlay)
    became = {each["kind"]: change.value for each, change in fleet.apply(cluster, objects)}
    return became | {each["kind"]: "deleted" for each in fleet.prune(cluster, objects, stack="farm")}


def versions(cluster: Cluster) -> dict[str, str]:
    return {each["kind"]: each["metadata"]["resourceVersion"] for each in fleet.owned(cluster, "farm")}


def test_a_fleet_is_applied_twice_changed_and_deleted(reach: Connect) -> None:
    cluster = reach("admin")
    assert set(changes(cluster, "hpa").values()) == {"created"}
    before = versions(cluster)
    assert set(changes(cluster, "hpa").values()) == {"unchanged"}
    assert versions(cluster) == before

    assert keda.missing(cluster)
    keda.install(cluster, release())
    readiness.wait_ready(
        cluster,
        [each for each in release() if each["kind"] == "CustomResourceDefinition"],
        deadline=readiness.Deadline(PATIENCE),
        report=print,
    )
    wait_for(lambda: cluster.knows("keda.sh/v1alpha1", "ScaledJob"))
    assert (keda.missing(cluster), keda.ours(cluster)) == (False, True)

    became = changes(cluster, "keda")
    assert {kind for kind, change in became.items() if change == "deleted"} == {"Deployment", "HorizontalPodAutoscaler"}
    assert {kind for kind, change in became.items() if change == "created"} == {"ScaledJob", "TriggerAuthentication"}
    before = versions(cluster)
    assert set(changes(cluster, "keda").values()) == {"unchanged"}
    assert versions(cluster) == before

    found = fleet_deletion.find_fleet(cluster, stack="farm", namespace="frameloom")
    assert found.with_keda
    with pytest.raises(FarmUnavailable, match="Namespace 'frameloom' is being deleted"):
        fleet_deletion.delete_fleet(
            cluster, found, namespace="frameloom", deadline=readiness.Deadline(2), report=lambda _: None
        )
    assert set(versions(cluster)) == {"Namespace"}


def test_the_operator_restarts_with_its_role_once(reach: Connect) -> None:
    cluster = reach("admin")
    keda.install(cluster, release())
    before = keda.operator(cluster)
    assert before is not None
    assert keda.give_identity(cluster, before, "arn:role")
    after = keda.operator(cluster)
    assert after is not None
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert after["spec"]["template"]["spec"] == before["spec"]["template"]["spec"]
    assert not keda.give_identity(cluster, after, "arn:role")
    # Another apply of the release keeps the other manager's field.
    keda.install(cluster, release())
    again = keda.operator(cluster)
    assert again is not None
    assert again["metadata"]["generation"] == after["metadata"]["generation"]


def test_errors_of_the_server_are_sentences(reach: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "ATTEMPTS", 1)
    nobody = reach("nobody")
    with pytest.raises(FarmUnavailable, match=r"^You may not patch a Namespace in the cluster real: ask"):
        fleet.check_rights(nobody, rendered("hpa"))
    with pytest.raises(FarmUnavailable, match=r"^You may not read Namespace 'default' in the cluster real: ask"):
        nobody.find("v1", "Namespace", "default")
    with pytest.raises(FarmUnavailable, match=r"^The cluster real does not accept your credentials: ask"):
        reach("stranger")
    policy = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "default"}, "nonsense": 1}
    with pytest.raises(FarmUnavailable, match=r"ConfigMap 'x'.*nonsense"):
        reach("admin").apply(policy)
