"""The manifests of cluster/ agree with the template and the worker, and no setting loses a render."""

import os
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from frameloom.aws.queue import LONGEST_POLL
from frameloom.kube import keda
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
from worker.config import WorkerConfig
from worker.health import LONGEST_SILENCE
from worker.supervisor import LAST_POLL

RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
KEDA = ["gpu", "keda", "spot"]
# A spot instance ends two minutes after the notice; its pods get SIGTERM some seconds later.
SPOT_NOTICE = timedelta(seconds=110)


class Asked(dict[str, str]):
    """An environment that records the names that are read."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def asked_of(name: str) -> tuple[Asked, WorkerConfig]:
    """Return the names that a worker of an overlay reads from its environment, and its configuration."""
    asked = Asked({key: value for key, value in environment(overlay(name)).items() if isinstance(value, str)})
    return asked, WorkerConfig.from_environment(asked)


class TestTheQueue:
    @pytest.mark.parametrize("name", KEDA)
    def test_keda_watches_the_queue_that_the_workers_read(self, name: str, tmp_path: Path) -> None:
        for manifests in (overlay(name), deployed(tmp_path, overlay=name)):
            (trigger,) = the(manifests, "ScaledJob")["spec"]["triggers"]
            told = environment(manifests)
            assert trigger["type"] == "aws-sqs-queue"
            assert trigger["metadata"]["queueURL"] == told["CHUNK_QUEUE_URL"]
            assert trigger["metadata"]["awsRegion"] == told["AWS_REGION"]

    def test_no_placeholder_of_the_base_is_deployed(self, tmp_path: Path) -> None:
        deployed_queue = environment(deployed(tmp_path, overlay="keda"))["CHUNK_QUEUE_URL"]
        assert deployed_queue != environment(overlay("keda"))["CHUNK_QUEUE_URL"]
        assert "123456789012" in deployed_queue

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_the_image_is_the_deployed_one(self, name: str, tmp_path: Path) -> None:
        image = container(deployed(tmp_path, overlay=name))["image"]
        assert image == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/NAME:4.5.15-0a1b2c3d4e5f"

    @pytest.mark.parametrize("name", KEDA)
    def test_each_message_is_a_worker_until_it_is_done(self, name: str) -> None:
        (trigger,) = the(overlay(name), "ScaledJob")["spec"]["triggers"]
        # A chunk that is rendered is in flight, and its worker is a Job that runs: counted on one side alone, they
        # would make KEDA start one too many for each, or none for the last ones.
        assert trigger["metadata"]["scaleOnInFlight"] == "true"
        assert trigger["metadata"]["queueLength"] == "1"
        assert the(overlay(name), "ScaledJob")["spec"]["scalingStrategy"] == {"strategy": "default"}


class TestTheLease:
    @pytest.mark.parametrize("name", OVERLAYS)
    def test_it_equals_the_queue_s_visibility_timeout(self, name: str) -> None:
        hidden = RESOURCES["ChunkQueue"]["Properties"]["VisibilityTimeout"]
        assert asked_of(name)[1].lease == timedelta(seconds=hidden)

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_a_stopped_worker_exits_before_its_chunk_goes_to_another(self, name: str) -> None:
        config = asked_of(name)[1]
        grace = timedelta(seconds=pod_template(overlay(name))["spec"]["terminationGracePeriodSeconds"])
        assert config.heartbeat_interval < grace <= config.lease - config.heartbeat_interval

    @pytest.mark.parametrize("name", KEDA)
    def test_an_idle_worker_waits_until_a_dead_worker_s_chunk_appears(self, name: str) -> None:
        config = asked_of(name)[1]
        # KEDA counts the chunk as soon as it has one Job less, up to a lease before anybody can receive it.
        assert config.idle_exit is not None
        assert config.idle_exit >= config.lease

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_an_idle_worker_has_time_to_end_its_last_poll(self, name: str) -> None:
        grace = timedelta(seconds=pod_template(overlay(name))["spec"]["terminationGracePeriodSeconds"])
        assert grace >= 2 * LAST_POLL

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_it_exits_before_its_spot_instance_stops(self, name: str) -> None:
        assert timedelta(seconds=pod_template(overlay(name))["spec"]["terminationGracePeriodSeconds"]) <= SPOT_NOTICE


class TestTheEnvironment:
    @pytest.mark.parametrize("name", OVERLAYS)
    def test_a_worker_gets_exactly_the_variables_that_it_reads(self, name: str) -> None:
        asked = asked_of(name)[0]
        # How boto3 knows its region, and how NVIDIA's runtime knows what to bring.
        others = {"AWS_REGION", "AWS_DEFAULT_REGION"} | ({"NVIDIA_DRIVER_CAPABILITIES"} if name == "gpu" else set())
        unasked = set() if name in KEDA else {"IDLE_EXIT_SECONDS"}
        # The image sets the folder of its Blenders.
        unasked |= {"FRAMELOOM_BLENDERS", "XDG_DATA_HOME"}
        assert set(environment(overlay(name))) - others == asked.names - unasked

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_a_worker_has_the_name_of_its_pod(self, name: str) -> None:
        assert environment(overlay(name))["WORKER_NAME"] == {"fieldRef": {"fieldPath": "metadata.name"}}

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_boto3_gets_the_region(self, name: str) -> None:
        region = {"configMapKeyRef": {"name": the(overlay(name), "ConfigMap")["metadata"]["name"], "key": "AWS_REGION"}}
        assert environment(overlay(name))["AWS_DEFAULT_REGION"] == region

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_the_environment_comes_from_the_config_map(self, name: str) -> None:
        sources = [{"configMapRef": {"name": "farm"}}] + ([{"secretRef": {"name": "aws"}}] if name == "local" else [])
        assert container(overlay(name))["envFrom"] == sources
        assert the(overlay(name), "ConfigMap")["metadata"]["name"] == "farm"

    @pytest.mark.parametrize("name", OVERLAYS)
    def test_no_manifest_holds_a_secret(self, name: str) -> None:
        assert [each for each in overlay(name) if each["kind"] == "Secret"] == []


class TestTheLivenessProbe:
    @pytest.fixture
    def probe(self) -> dict[str, Any]:
        found: dict[str, Any] = container(overlay("keda"))["livenessProbe"]
        return found

    def ended(self, probe: dict[str, Any], file: Path) -> int:
        environment = {**os.environ, "HEALTH_FILE": str(file)}
        return subprocess.run(probe["exec"]["command"], env=environment, capture_output=True, check=False).returncode

    def test_a_worker_that_touched_its_file_is_alive(self, probe: dict[str, Any], tmp_path: Path) -> None:
        alive = tmp_path / "alive"
        alive.touch()
        assert self.ended(probe, alive) == 0

    def test_a_worker_that_has_been_silent_too_long_is_not(self, probe: dict[str, Any], tmp_path: Path) -> None:
        silent = tmp_path / "alive"
        silent.touch()
        long_ago = time.time() - LONGEST_SILENCE.total_seconds()
        os.utime(silent, (long_ago - 1, long_ago - 1))
        assert self.ended(probe, silent) != 0
        os.utime(silent, (long_ago + 30, long_ago + 30))
        assert self.ended(probe, silent) == 0

    def test_a_worker_that_never_touched_its_file_is_not(self, probe: dict[str, Any], tmp_path: Path) -> None:
        assert self.ended(probe, tmp_path / "none") != 0

    def test_a_worker_touches_its_file_often_enough(self, probe: dict[str, Any]) -> None:
        assert max(LONGEST_POLL, asked_of("keda")[1].heartbeat_interval) * 2 < LONGEST_SILENCE
        # Nothing is there to be touched until Blender has started to load.
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 60

    def test_the_probe_does_not_run_python(self, probe: dict[str, Any]) -> None:
        assert "python" not in " ".join(probe["exec"]["command"])

    def test_the_file_is_on_a_writable_volume(self) -> None:
        config = asked_of("keda")[1]
        assert config.health_file is not None
        assert config.health_file.is_relative_to(config.scratch)


class TestScaling:
    @pytest.mark.parametrize("name", KEDA)
    def test_only_keda_scales(self, name: str) -> None:
        kinds = {each["kind"] for each in overlay(name)}
        assert "ScaledJob" in kinds
        assert kinds & {"Deployment", "HorizontalPodAutoscaler", "ScaledObject"} == set()

    @pytest.mark.parametrize("name", KEDA)
    def test_an_empty_queue_has_no_workers(self, name: str) -> None:
        assert the(overlay(name), "ScaledJob")["spec"]["minReplicaCount"] == 0
        assert asked_of(name)[1].idle_exit == timedelta(seconds=120)
        assert pod_template(overlay(name))["spec"]["restartPolicy"] == "Never"

    @pytest.mark.parametrize("name", KEDA)
    def test_an_update_kills_no_worker(self, name: str) -> None:
        assert the(overlay(name), "ScaledJob")["spec"]["rollout"]["strategy"] == "gradual"

    @pytest.mark.parametrize("name", KEDA)
    def test_no_deadline_ends_a_worker(self, name: str) -> None:
        assert "activeDeadlineSeconds" not in the(overlay(name), "ScaledJob")["spec"]["jobTargetRef"]
        assert "activeDeadlineSeconds" not in pod_template(overlay(name))["spec"]

    @pytest.mark.parametrize("name", KEDA)
    def test_a_removed_node_does_not_count_as_a_failure(self, name: str) -> None:
        (rule,) = the(overlay(name), "ScaledJob")["spec"]["jobTargetRef"]["podFailurePolicy"]["rules"]
        assert rule == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}

    def test_the_autoscaler_keeps_1_to_10_workers_at_half_load(self) -> None:
        manifests = overlay("hpa")
        spec = the(manifests, "HorizontalPodAutoscaler")["spec"]
        assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 10)
        (metric,) = spec["metrics"]
        assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
        deployment = the(manifests, "Deployment")
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["metadata"]["name"]}
        assert spec["scaleTargetRef"] == target
        # The autoscaler sets the number; a value here would reset it on each deploy.
        assert "replicas" not in deployment["spec"]

    def test_the_autoscaler_removes_workers_one_by_one(self) -> None:
        down = the(overlay("hpa"), "HorizontalPodAutoscaler")["spec"]["behavior"]["scaleDown"]
        assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
        assert down["stabilizationWindowSeconds"] >= 300

    def test_any_other_cluster_has_a_fixed_number_of_workers(self) -> None:
        assert the(overlay("local"), "Deployment")["spec"]["replicas"] == 1
        assert {each["kind"] for each in overlay("local")} & {"ScaledJob", "HorizontalPodAutoscaler"} == set()

    @pytest.mark.parametrize("name", ["hpa", "local"])
    def test_a_restarted_worker_does_not_exit_when_idle(self, name: str) -> None:
        assert asked_of(name)[1].idle_exit is None
        assert pod_template(overlay(name))["spec"].get("restartPolicy", "Always") == "Always"
        selector = the(overlay(name), "Deployment")["spec"]["selector"]["matchLabels"]
        assert selector.items() <= pod_template(overlay(name))["metadata"]["labels"].items()


class TestIdentity:
    @pytest.mark.parametrize("name", OVERLAYS)
    def test_a_worker_has_the_service_account_of_the_stack_s_role(self, name: str) -> None:
        identity = RESOURCES["WorkerIdentity"]["Properties"]
        account = the(overlay(name), "ServiceAccount")["metadata"]
        assert (
            identity["ServiceAccount"] == account["name"] == pod_template(overlay(name))["spec"]["serviceAccountName"]
        )
        assert identity["Namespace"] == {"Ref": "FleetNamespace"}
        assert TEMPLATE["Parameters"]["FleetNamespace"]["Default"] == account["namespace"]

    @pytest.mark.parametrize("name", KEDA)
    def test_keda_reads_the_queue_with_its_own_identity(self, name: str) -> None:
        authentication = the(overlay(name), "TriggerAuthentication")
        assert authentication["spec"] == {"podIdentity": {"provider": "aws", "identityOwner": "keda"}}
        (trigger,) = the(overlay(name), "ScaledJob")["spec"]["triggers"]
        assert trigger["authenticationRef"] == {"name": authentication["metadata"]["name"]}
        identity = RESOURCES["KedaIdentity"]["Properties"]
        assert (identity["Namespace"], identity["ServiceAccount"]) == ("keda", "keda-operator")


def test_keda_is_tested_on_the_kubernetes_of_the_cluster_and_on_the_next() -> None:
    """EKS raises the cluster by itself when its version's support ends."""
    asked = [
        TEMPLATE["Parameters"]["KubernetesVersion"]["Default"],
        yaml.safe_load((CLUSTER / "cluster.yaml").read_text(encoding="utf-8"))["metadata"]["version"],
    ]
    for version in asked:
        major, _, minor = version.partition(".")
        assert {version, f"{major}.{int(minor) + 1}"} <= set(keda.TESTED_ON)


def test_the_documents_name_the_keda_that_is_installed() -> None:
    readme = (CLUSTER / "schemas/README.md").read_text(encoding="utf-8")
    assert f"`fleet deploy` installs KEDA {keda.VERSION}" in readme
    assert f"KEDA {keda.VERSION} must be in the cluster" in (CLUSTER / "README.md").read_text(encoding="utf-8")
