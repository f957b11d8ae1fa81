"""Where the manifests of cluster/ let workers run: on nodes of their own kind, which two fleets never share."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance.manifests import (
    CLUSTER,
    OVERLAYS,
    TEMPLATE,
    container,
    deployed,
    environment,
    overlay,
    pod_template,
    the,
)

RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
OWN_NODES = ["gpu", "spot"]


class TestTheNodes:
    @pytest.mark.parametrize("name", OVERLAYS)
    def test_they_fit_blender(self, name: str) -> None:
        selector = pod_template(overlay(name))["spec"]["nodeSelector"]
        assert selector["kubernetes.io/arch"] == "amd64"
        # EKS Auto Mode lists it as not supported, and has nothing but Linux.
        assert "kubernetes.io/os" not in yaml.safe_dump(overlay(name))

    @pytest.mark.parametrize("name", OWN_NODES)
    @pytest.mark.parametrize("namespace", ["frameloom", "farm-b"])
    def test_a_pool_is_only_for_the_workers_of_its_fleet(self, name: str, namespace: str, tmp_path: Path) -> None:
        manifests = deployed(tmp_path, overlay=name, namespace=namespace)
        pool, pod = the(manifests, "NodePool"), pod_template(manifests)["spec"]
        assert pool["metadata"]["name"] == f"{name}.{namespace}"
        (taint,), (toleration,) = pool["spec"]["template"]["spec"]["taints"], pod["tolerations"]
        assert toleration == {**taint, "operator": "Equal"}
        assert taint["value"] == pool["metadata"]["name"] == pod["nodeSelector"]["karpenter.sh/nodepool"]
        assert taint["effect"] == "NoSchedule"

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_two_fleets_in_one_cluster_share_no_pool(self, name: str, tmp_path: Path) -> None:
        first, second = (
            {
                (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
                for each in deployed(tmp_path / namespace, overlay=name, namespace=namespace)
            }
            for namespace in ("farm-a", "farm-b")
        )
        assert first & second == set()
        of_the_cluster = {"Namespace", "NodePool"} if name in OWN_NODES else {"Namespace"}
        assert {kind for kind, namespace, _ in first if namespace is None} == of_the_cluster
        assert {namespace for _, namespace, _ in first} == {None, "farm-a"}

    @pytest.mark.parametrize("name", OWN_NODES)
    def test_they_are_spot_first_and_of_the_right_kind(self, name: str) -> None:
        spec = the(overlay(name), "NodePool")["spec"]["template"]["spec"]
        wanted = {each["key"]: each["values"] for each in spec["requirements"] if each["operator"] == "In"}
        assert wanted["karpenter.sh/capacity-type"] == ["spot", "on-demand"]
        assert wanted["kubernetes.io/arch"] == ["amd64"]
        assert spec["nodeClassRef"] == {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "default"}

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_no_node_is_removed_during_a_render(self, name: str) -> None:
        """On spot, the annotation would keep Karpenter from draining a worker before its instance ends."""
        annotations = pod_template(overlay(name))["metadata"].get("annotations", {})
        if name not in OWN_NODES:
            assert annotations["karpenter.sh/do-not-disrupt"] == "true"
            return
        assert "karpenter.sh/do-not-disrupt" not in annotations
        disruption = the(overlay(name), "NodePool")["spec"]["disruption"]
        assert disruption["consolidationPolicy"] == "WhenEmpty"
        assert {"nodes": "0", "reasons": ["Drifted", "Underutilized"]} in disruption["budgets"]

    def test_a_gpu_worker_has_a_gpu_and_the_libraries_of_cuda_and_optix(self) -> None:
        limits = container(overlay("gpu"))["resources"]["limits"]
        assert limits["nvidia.com/gpu"] == "1"
        assert environment(overlay("gpu"))["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility,graphics"
        requirements = the(overlay("gpu"), "NodePool")["spec"]["template"]["spec"]["requirements"]
        wanted = {each["key"]: each["values"] for each in requirements}
        assert wanted["eks.amazonaws.com/instance-gpu-manufacturer"] == ["nvidia"]
        assert wanted["eks.amazonaws.com/instance-gpu-count"] == [limits["nvidia.com/gpu"]]

    @pytest.mark.parametrize("name", sorted(set(OVERLAYS) - {"gpu"}))
    def test_only_gpu_workers_request_a_gpu(self, name: str) -> None:
        assert "nvidia.com/gpu" not in container(overlay(name))["resources"]["limits"]


class TestTheClusterOfEksctl:
    cluster: dict[str, Any] = yaml.safe_load((CLUSTER / "cluster.yaml").read_text(encoding="utf-8"))

    def test_it_is_like_the_stack_s_cluster(self) -> None:
        assert self.cluster["metadata"]["version"] == TEMPLATE["Parameters"]["KubernetesVersion"]["Default"]
        assert self.cluster["vpc"]["cidr"] == TEMPLATE["Parameters"]["VpcCidr"]["Default"]
        assert self.cluster["autoModeConfig"] == {"enabled": True, "nodePools": ["general-purpose", "system"]}
        assert [addon["name"] for addon in self.cluster["addons"]] == ["metrics-server"]

    def test_it_is_in_three_zones_of_its_region(self) -> None:
        zones = self.cluster["availabilityZones"]
        assert len(set(zones)) == 3
        assert {zone[:-1] for zone in zones} == {self.cluster["metadata"]["region"]}

    def test_the_stack_creates_its_roles(self) -> None:
        # A service account has one association: made twice, the second one fails.
        assert "iam" not in self.cluster
        assert {RESOURCES[name]["Condition"] for name in ("WorkerIdentity", "WorkerRole")} == {"HasCluster"}
