"""Connections to a cluster: tokens, certificates, and long lists in pages."""

import base64
import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from frameloom.kube import api, connection
from frameloom.kube.api import Cluster
from frameloom.model.errors import FarmUnavailable
from tests.kube.server import ApiServer


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once."""
    monkeypatch.setattr(api, "ATTEMPTS", 3)
    monkeypatch.setattr(api, "FIRST_DELAY", 0.01)


def reach(server: ApiServer, *, certificate: str = "") -> Cluster:
    return connection.connect(
        name="farm", endpoint=server.url, certificate=certificate, token=lambda: "me", remedy=lambda: "ask"
    )


def test_a_token_is_replaced_before_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make() -> str:
        made.append(f"token-{len(made)}")
        return made[-1]

    with ApiServer() as server:
        cluster = connection.connect(name="farm", endpoint=server.url, certificate="", token=make, remedy=lambda: "")
        cluster.find("v1", "Namespace", "a")
        assert {each.token for each in server.asked} == {"token-0"}
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 601)
        server.asked.clear()
        cluster.find("v1", "Namespace", "a")
        assert {each.token for each in server.asked} == {"token-1"}


@pytest.mark.parametrize("believed", [True, False])
def test_only_the_authority_from_eks_is_trusted(tmp_path: Path, *, believed: bool) -> None:
    authority, context = certified(tmp_path / "one")
    stranger, _ = certified(tmp_path / "other")
    with ApiServer(certificate=context) as server:
        if believed:
            assert reach(server, certificate=authority).find("v1", "Namespace", "a") is None
        else:
            with pytest.raises(FarmUnavailable, match="does not have that cluster's certificate"):
                reach(server, certificate=stranger)


def test_a_long_list_comes_in_pages() -> None:
    with ApiServer() as server:
        server.put(
            *(
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{number}", "namespace": "a"}}
                for number in range(1203)
            )
        )
        cluster = reach(server)
        server.asked.clear()
        assert len({pod["metadata"]["name"] for pod in cluster.list("v1", "Pod", namespace="a")}) == 1203
        assert [each.query.get("continue") for each in server.asked if each.path.endswith("/pods")] == [
            None,
            "500",
            "1000",
        ]


def test_an_unknown_kind_has_no_objects() -> None:
    with ApiServer() as server:
        cluster = reach(server)
        assert list(cluster.list("keda.sh/v1alpha1", "ScaledJob")) == []
        assert cluster.find("keda.sh/v1alpha1", "ScaledJob", "worker", namespace="a") is None


def test_an_empty_kind_deletes_nothing() -> None:
    """The client treats an empty kind as a wildcard."""
    with ApiServer() as server:
        server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}})
        with pytest.raises(FarmUnavailable, match="has no  of v1"):
            reach(server).delete({"apiVersion": "v1", "kind": "", "metadata": {"name": "a"}})
        assert ("Namespace", "a") in server.names()


def certified(folder: Path) -> tuple[str, ssl.SSLContext]:
    """Return an authority's certificate as EKS returns it, and the TLS context of a server with a certificate by it."""
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    alternatives = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        builder.not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(secret + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return base64.b64encode(pem).decode(), context
