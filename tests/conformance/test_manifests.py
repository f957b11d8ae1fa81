"""The manifests of cluster/ are valid, and each validator finds its kind of fault."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from frameloom.kube.manifests import Settings, render
from tests.conformance.manifests import (
    CLUSTER,
    OVERLAYS,
    SCHEMAS,
    Manifest,
    deployed,
    overlay,
    pod_template,
    problems,
    the,
)
from tools.schemas import refresh


def eksctl_cluster() -> Manifest:
    """A cluster.yaml of the test's own, to plant faults in."""
    loaded: Manifest = yaml.safe_load((CLUSTER / "cluster.yaml").read_text(encoding="utf-8"))
    return loaded


class TestEveryManifestIsValid:
    @pytest.mark.parametrize("name", OVERLAYS)
    def test_in_every_overlay(self, name: str) -> None:
        assert {each["kind"]: problems(each) for each in overlay(name) if problems(each)} == {}

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_as_the_readme_says_to_deploy_it(self, name: str, tmp_path: Path) -> None:
        assert [problem for each in deployed(tmp_path, overlay=name) for problem in problems(each)] == []

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_as_fleet_deploy_fills_it_in(self, name: str) -> None:
        config = the(overlay(name), "ConfigMap")["data"]
        settings = Settings(stack="farm", namespace="farm", image="registry/worker:1", config=config, max_workers=50)
        assert [problem for each in render(CLUSTER, name, settings) for problem in problems(each)] == []

    def test_the_cluster_of_eksctl(self) -> None:
        assert problems(eksctl_cluster()) == []

    def test_the_network_policy_setting_of_auto_mode(self) -> None:
        (loaded,) = yaml.safe_load_all((CLUSTER / "network-policies.yaml").read_text(encoding="utf-8"))
        assert problems(loaded) == []


def _typo_in_a_pod(spec: dict[str, Any]) -> None:
    pod = spec["jobTargetRef"]["template"]["spec"]
    pod["containers"][0]["livenesProbe"] = pod["containers"][0].pop("livenessProbe")


def _typo_in_a_job(spec: dict[str, Any]) -> None:
    spec["jobTargetRef"]["backOffLimit"] = spec["jobTargetRef"].pop("backoffLimit")


def _typo_in_a_requirement(spec: dict[str, Any]) -> None:
    spec["template"]["spec"]["requirements"][0]["value"] = ["spot"]


def _typo_in_the_identity(spec: dict[str, Any]) -> None:
    spec["podIdentity"]["identityowner"] = spec["podIdentity"].pop("identityOwner")


SPEC_FAULTS: list[tuple[str, str, Callable[[dict[str, Any]], object], str]] = [
    ("keda", "ScaledJob", lambda spec: spec.update(maxReplicas=10), "maxReplicas"),
    ("keda", "ScaledJob", lambda spec: spec.update(maxReplicaCount="10"), "maxReplicaCount"),
    ("keda", "ScaledJob", lambda spec: spec.update(pollingInterval=1.5), "pollingInterval"),
    ("keda", "ScaledJob", lambda spec: spec["triggers"][0]["metadata"].update(queueLength=1), "queueLength"),
    ("keda", "ScaledJob", lambda spec: spec["rollout"].update(stategy="gradual"), "stategy"),
    ("keda", "ScaledJob", lambda spec: spec.pop("triggers"), "triggers"),
    ("keda", "ScaledJob", _typo_in_a_job, "backOffLimit"),
    ("keda", "ScaledJob", _typo_in_a_pod, "livenesProbe"),
    ("keda", "TriggerAuthentication", _typo_in_the_identity, "identityowner"),
    ("keda", "TriggerAuthentication", lambda spec: spec["podIdentity"].update(identityOwner="pod"), "'pod'"),
    ("spot", "NodePool", lambda spec: spec["disruption"].update(consolidatePolicy="WhenEmpty"), "consolidatePolicy"),
    ("spot", "NodePool", lambda spec: spec["disruption"].pop("consolidateAfter"), "consolidateAfter"),
    ("spot", "NodePool", lambda spec: spec["template"]["spec"].update(taints="none"), "taints"),
    ("spot", "NodePool", lambda spec: spec["template"]["spec"].pop("nodeClassRef"), "nodeClassRef"),
    ("gpu", "NodePool", _typo_in_a_requirement, "value"),
    ("hpa", "HorizontalPodAutoscaler", lambda spec: spec.update(maxReplicaCount=10), "maxReplicaCount"),
    ("hpa", "Deployment", lambda spec: spec.update(replicas="1"), "replicas"),
    ("local", "NetworkPolicy", lambda spec: spec.update(egres=spec.pop("egress")), "egres"),
]


class TestAPlantedFaultIsFound:
    @pytest.mark.parametrize(("name", "kind", "plant", "where"), SPEC_FAULTS)
    def test_in_a_manifest(self, name: str, kind: str, plant: Callable[[Manifest], object], where: str) -> None:
        manifest = the(overlay(name), kind)
        plant(manifest["spec"])
        (problem,) = problems(manifest)
        assert where in problem

    @pytest.mark.parametrize("kind", ["ScaledJob", "Namespace"])
    def test_beside_the_spec(self, kind: str) -> None:
        manifest = the(overlay("keda"), kind)
        manifest["specs"] = {}
        assert "specs" in str(problems(manifest))

    @pytest.mark.parametrize("kind", ["ScaledJob", "ServiceAccount"])
    def test_in_the_metadata(self, kind: str) -> None:
        manifest = the(overlay("keda"), kind)
        manifest["metadata"]["label"] = {}
        assert "label" in str(problems(manifest))

    @pytest.mark.parametrize(
        ("plant", "where"),
        [
            (lambda cluster: cluster.update(nodepools=[]), "nodepools"),
            (lambda cluster: cluster["autoModeConfig"].update(enable=True), "enable"),
            (lambda cluster: cluster["autoModeConfig"].update(enabled="yes"), "enabled"),
            (lambda cluster: cluster["vpc"]["nat"].update(gateway="Each"), "Each"),
            (lambda cluster: cluster["metadata"].pop("region"), "region"),
            (lambda cluster: cluster.update(metadata="frameloom"), "metadata"),
            (lambda cluster: cluster["addons"][0].pop("name"), "name"),
        ],
    )
    def test_in_the_cluster_of_eksctl(self, plant: Callable[[Manifest], object], where: str) -> None:
        cluster = eksctl_cluster()
        plant(cluster)
        (problem,) = problems(cluster)
        assert where in problem

    def test_a_kind_without_a_schema_fails(self) -> None:
        stranger = {"apiVersion": "eks.amazonaws.com/v1", "kind": "NodeClass", "metadata": {"name": "default"}}
        assert "Couldn't find schema" in str(problems(stranger))

    def test_a_misspelt_kind_fails(self) -> None:
        manifest = the(overlay("keda"), "ScaledJob")
        assert problems({**manifest, "kind": "ScaledJobs"}) != []

    def test_an_overlay_without_a_pod_fails(self) -> None:
        manifests = [each for each in overlay("hpa") if each["kind"] != "Deployment"]
        with pytest.raises(ValueError, match="not enough values"):
            pod_template(manifests)


class TestTheSchemas:
    def test_they_equal_the_output_of_their_packages(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert refresh.main(["--check"]) == 0, capsys.readouterr().err

    def test_a_stale_schema_is_named_and_then_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        copied = Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))
        monkeypatch.setattr(refresh, "SCHEMAS", copied)
        stale = copied / "karpenter.sh/v1/NodePool.json"
        stale.write_text("{}\n")
        assert refresh.main(["--check"]) == 1
        assert stale.read_text() == "{}\n"
        assert "karpenter.sh/v1/NodePool.json" in capsys.readouterr().err
        assert refresh.main([]) == 0
        assert refresh.main(["--check"]) == 0

    def test_eksctls_schema_has_only_the_fields_of_cluster_yaml(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The output of `eksctl utils schema` is longer; its cut must equal the committed file.
        committed = SCHEMAS / "eksctl.io/v1alpha5/ClusterConfig.json"
        longer = json.loads(committed.read_text(encoding="utf-8"))
        longer["definitions"]["ClusterConfig"] |= {"description": "a text", "preferredOrder": ["kind"]}
        longer["definitions"]["ClusterConfig"]["properties"]["karpenter"] = {"$ref": "#/definitions/Karpenter"}
        longer["definitions"]["Karpenter"] = {"type": "object"}
        printed = tmp_path / "schema.json"
        printed.write_text(json.dumps(longer))
        monkeypatch.setattr(refresh, "SCHEMAS", Path(shutil.copytree(SCHEMAS, tmp_path / "schemas")))
        assert refresh.main(["--check", "--eksctl", str(printed)]) == 0
