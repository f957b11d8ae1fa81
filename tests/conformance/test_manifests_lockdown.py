"""A worker's pod has only the permissions and the network access that rendering needs."""

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.kube.fleet import KINDS
from tests.conformance.manifests import OVERLAYS, container, deployed, environment, overlay, pod_template, the

EVERY_OVERLAY = pytest.mark.parametrize("name", OVERLAYS)
ON_AWS = sorted(set(OVERLAYS) - {"local"})

# Of AWS' published addresses: an S3 and an SQS of eu-central-1 would do as well as these.
PUBLIC = ["52.219.170.1", "3.5.134.10", "2a05:d07a:c000::1"]
PRIVATE = ["10.64.3.7", "172.20.0.1", "192.168.1.1", "100.64.0.9", "fd12:3456::1"]
METADATA = ["169.254.169.254", "fd00:ec2::254"]
POD_IDENTITY = ["169.254.170.23", "fd00:ec2::23"]
# Next to the agent; the first is who hands out credentials on ECS.
NEIGHBOURS = ["169.254.170.2", "169.254.170.22", "fd00:ec2::22"]


def reaches(policy: dict[str, Any], address: str, port: int, protocol: str = "TCP") -> bool:
    """Return whether a NetworkPolicy lets its pods call an address: one rule has to, in both its halves."""
    return any(
        _one_of(rule.get("ports"), lambda each: _is_port(each, port, protocol))
        and _one_of(rule.get("to"), lambda each: _is_in(each["ipBlock"], address))
        for rule in policy["spec"]["egress"]
    )


def _one_of(choices: list[dict[str, Any]] | None, fits: Callable[[dict[str, Any]], bool]) -> bool:
    # As Kubernetes reads it: a half that is not there holds for everything.
    return not choices or any(fits(each) for each in choices)


def _is_port(choice: dict[str, Any], port: int, protocol: str) -> bool:
    ports = range(choice["port"], choice.get("endPort", choice["port"]) + 1)
    return choice["protocol"] == protocol and port in ports


def _is_in(block: dict[str, Any], address: str) -> bool:
    found = ipaddress.ip_address(address)
    return found in ipaddress.ip_network(block["cidr"]) and not any(
        found in ipaddress.ip_network(network) for network in block.get("except", [])
    )


def policy(name: str) -> dict[str, Any]:
    return the(overlay(name), "NetworkPolicy")


class TestConnections:
    @EVERY_OVERLAY
    def test_the_policy_covers_every_pod_in_both_directions(self, name: str) -> None:
        spec = policy(name)["spec"]
        assert spec["podSelector"] == {}
        assert spec["policyTypes"] == ["Ingress", "Egress"]

    @EVERY_OVERLAY
    def test_a_worker_accepts_no_connections(self, name: str) -> None:
        assert "Ingress" in policy(name)["spec"]["policyTypes"]
        assert "ingress" not in policy(name)["spec"]

    @EVERY_OVERLAY
    @pytest.mark.parametrize("address", [*PUBLIC, "172.20.0.10"])
    @pytest.mark.parametrize("protocol", ["UDP", "TCP"])
    def test_it_reaches_dns_at_any_address(self, name: str, address: str, protocol: str) -> None:
        assert reaches(policy(name), address, 53, protocol)

    @EVERY_OVERLAY
    @pytest.mark.parametrize("address", PUBLIC)
    def test_it_calls_aws(self, name: str, address: str) -> None:
        assert reaches(policy(name), address, 443)

    @EVERY_OVERLAY
    @pytest.mark.parametrize("address", METADATA + NEIGHBOURS)
    @pytest.mark.parametrize("port", [80, 443])
    def test_it_never_reaches_its_node_s_credentials(self, name: str, address: str, port: int) -> None:
        assert not reaches(policy(name), address, port)

    @pytest.mark.parametrize("name", ON_AWS)
    @pytest.mark.parametrize("address", POD_IDENTITY)
    def test_it_reaches_the_agent_for_its_own_credentials(self, name: str, address: str) -> None:
        assert reaches(policy(name), address, 80)
        assert not reaches(policy(name), address, 443)

    @pytest.mark.parametrize("name", ON_AWS)
    @pytest.mark.parametrize("address", PRIVATE)
    def test_it_reaches_no_address_of_a_private_network(self, name: str, address: str) -> None:
        assert not reaches(policy(name), address, 443)
        assert not reaches(policy(name), address, 80)

    @given(
        address=st.one_of(st.ip_addresses(), st.sampled_from(PUBLIC + PRIVATE + METADATA + NEIGHBOURS + POD_IDENTITY)),
        port=st.one_of(st.integers(1, 65_535), st.sampled_from([53, 80, 443])),
        protocol=st.sampled_from(["TCP", "UDP", "SCTP"]),
        name=st.sampled_from(ON_AWS),
    )
    def test_the_policy_allows_no_other_connection(self, name: str, address: object, port: int, protocol: str) -> None:
        dns = port == 53 and protocol != "SCTP"
        aws = (port, protocol) == (443, "TCP")
        agent = (port, protocol) == (80, "TCP") and str(address) in POD_IDENTITY
        assert not reaches(policy(name), str(address), port, protocol) or dns or aws or agent

    def test_the_local_overlay_reaches_any_endpoint(self) -> None:
        assert all(reaches(policy("local"), "10.0.0.5", port) for port in (80, 443, 4566, 5000))
        assert not reaches(policy("local"), "10.0.0.5", 5000, "UDP")
        assert not any(reaches(policy("local"), address, 80) for address in POD_IDENTITY)


class TestPermissions:
    @EVERY_OVERLAY
    def test_it_runs_as_a_user_without_a_name(self, name: str) -> None:
        security = pod_template(overlay(name))["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] == security["runAsGroup"] == security["fsGroup"] == 10_001
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}

    @EVERY_OVERLAY
    def test_it_has_no_privileges_and_cannot_gain_any(self, name: str) -> None:
        assert container(overlay(name))["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }

    @EVERY_OVERLAY
    def test_the_pod_has_only_the_worker_and_no_part_of_its_node(self, name: str) -> None:
        spec = pod_template(overlay(name))["spec"]
        assert len(spec["containers"]) == 1
        assert {"initContainers", "hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & set(spec) == set()

    @EVERY_OVERLAY
    def test_it_has_no_token_for_kubernetes(self, name: str) -> None:
        assert pod_template(overlay(name))["spec"]["automountServiceAccountToken"] is False
        assert the(overlay(name), "ServiceAccount")["automountServiceAccountToken"] is False
        assert {each["kind"] for each in overlay(name)} & {"ClusterRole", "ClusterRoleBinding"} == set()
        bound = [each["subjects"] for each in overlay(name) if each["kind"] == "RoleBinding"]
        cleanup = [{"kind": "ServiceAccount", "name": "job-cleanup", "namespace": "frameloom"}]
        assert bound == ([] if name in ("hpa", "local") else [cleanup])

    @EVERY_OVERLAY
    def test_it_writes_only_to_scratch_volumes_of_a_limited_size(self, name: str) -> None:
        volumes = pod_template(overlay(name))["spec"]["volumes"]
        assert [set(each) for each in volumes] == [{"name", "emptyDir"}] * 2
        assert all("sizeLimit" in each["emptyDir"] for each in volumes)
        mounts = {each["mountPath"]: each["name"] for each in container(overlay(name))["volumeMounts"]}
        assert set(mounts) == {environment(overlay(name))["SCRATCH_DIR"], "/tmp"}  # noqa: S108  where Python writes
        assert set(mounts.values()) == {each["name"] for each in volumes}

    @EVERY_OVERLAY
    def test_it_has_requests_and_limits_with_equal_memory(self, name: str) -> None:
        resources = container(overlay(name))["resources"]
        assert {"cpu", "memory", "ephemeral-storage"} <= set(resources["requests"])
        assert {"cpu", "memory", "ephemeral-storage"} <= set(resources["limits"])
        # Memory that was not asked for is another pod's, and who takes it is killed.
        assert resources["requests"]["memory"] == resources["limits"]["memory"]

    @EVERY_OVERLAY
    def test_its_disk_limit_covers_its_scratch_volumes(self, name: str) -> None:
        volumes = pod_template(overlay(name))["spec"]["volumes"]
        limit = container(overlay(name))["resources"]["limits"]["ephemeral-storage"]
        assert sum(_gibibytes(each["emptyDir"]["sizeLimit"]) for each in volumes) < _gibibytes(limit)

    @EVERY_OVERLAY
    def test_kubernetes_refuses_a_less_restricted_pod(self, name: str) -> None:
        labels = the(overlay(name), "Namespace")["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"

    @EVERY_OVERLAY
    def test_services_do_not_reach_its_environment(self, name: str) -> None:
        assert pod_template(overlay(name))["spec"]["enableServiceLinks"] is False


def _gibibytes(quantity: str) -> int:
    assert quantity.endswith("Gi")
    return int(quantity.removesuffix("Gi"))


class TestTheJobCleanup:
    """The one pod that speaks to Kubernetes renders nothing, and may do three things there."""

    @pytest.fixture(scope="class")
    def manifests(self, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
        folder = tmp_path_factory.mktemp("cleanup")
        found = deployed(folder, overlay="spot", namespace="other")
        return [each for each in found if each["metadata"]["name"] == "job-cleanup"]

    def test_it_may_delete_jobs_and_read_what_that_needs(self, manifests: list[dict[str, Any]]) -> None:
        assert of(manifests, "Role")["rules"] == [
            {"apiGroups": ["keda.sh"], "resources": ["scaledjobs"], "resourceNames": ["worker"], "verbs": ["get"]},
            {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list", "delete"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        ]

    def test_it_works_in_any_namespace(self, manifests: list[dict[str, Any]]) -> None:
        assert {each["metadata"]["namespace"] for each in manifests} == {"other"}
        assert of(manifests, "RoleBinding")["subjects"] == [
            {"kind": "ServiceAccount", "name": "job-cleanup", "namespace": "other"}
        ]
        pod = of(manifests, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        assert pod["serviceAccountName"] == "job-cleanup"

    def test_its_pod_is_as_restricted_as_a_worker_s(self, manifests: list[dict[str, Any]]) -> None:
        spec = of(manifests, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        (cleanup,) = spec["containers"]
        assert cleanup["securityContext"] == container(overlay("spot"))["securityContext"]
        assert spec["securityContext"].items() <= pod_template(overlay("spot"))["spec"]["securityContext"].items()
        assert not {"initContainers", "hostNetwork", "hostPID", "hostIPC"} & set(spec)
        # The worker's image may be the reason that Jobs do not start.
        assert cleanup["image"] != container(overlay("spot"))["image"]

    def test_it_reaches_the_api_server_and_no_credentials_of_its_node(self, manifests: list[dict[str, Any]]) -> None:
        policy = of(manifests, "NetworkPolicy")
        pod = of(manifests, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert pod["metadata"]["labels"]["app.kubernetes.io/name"] != "frameloom-worker"
        assert all(reaches(policy, address, 443) for address in PRIVATE)
        assert not any(reaches(policy, address, port) for address in METADATA + NEIGHBOURS for port in (80, 443, 6443))


def of(manifests: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [each for each in manifests if each["kind"] == kind]
    return found


@EVERY_OVERLAY
def test_fleet_delete_deletes_every_kind_of_a_fleet(name: str) -> None:
    assert {(each["apiVersion"], each["kind"]) for each in overlay(name)} <= set(KINDS)
