"""`frameloom fleet watch`: samples on the terminal, in a CSV file and in a plot; errors; Ctrl-C."""

import csv
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from PIL import Image

from frameloom.kube import api
from tests.fleet_rig import STACK, Rig, drop_stack, make_stack, outputs_of, rig

POD = {"app.kubernetes.io/name": "frameloom-worker"}
COLUMNS = (
    "time,waiting,in_flight,dead_letters,desired,pods_pending,pods_running,pods_succeeded,pods_failed,"
    "nodes_on_demand,nodes_spot,nodes_other,problem"
)


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Rig]:
    with rig(monkeypatch, capsys, tmp_path) as found:
        assert found.deploy().code == 0
        found.server.put(
            *(pod(f"worker-{number}", phase) for number, phase in enumerate(["Running"] * 3 + ["Pending", "Failed"])),
            pod("stranger", "Running", labels={}),
            *(job(f"worker-{number}", ended=number == 2) for number in range(3)),
            node("one", {"karpenter.sh/capacity-type": "spot"}),
            node("two", {"karpenter.sh/capacity-type": "on-demand"}),
            node("three", {"eks.amazonaws.com/capacityType": "SPOT"}),
            node("four", {}),
        )
        sqs = boto3.client("sqs")
        for number in range(7):
            sqs.send_message(QueueUrl=outputs_of(STACK)["ChunkQueueUrl"], MessageBody=str(number))
        sqs.receive_message(QueueUrl=outputs_of(STACK)["ChunkQueueUrl"], MaxNumberOfMessages=2)
        sqs.send_message(QueueUrl=outputs_of(STACK)["ChunkDeadLetterQueueUrl"], MessageBody="lost")
        yield found


def pod(name: str, phase: str, labels: dict[str, str] = POD) -> dict[str, Any]:
    labels = labels and labels | {"batch.kubernetes.io/job-name": name}
    metadata = {"name": name, "namespace": "frameloom", "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"phase": phase}}


def job(name: str, *, ended: bool) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "frameloom", "labels": {"scaledjob.keda.sh/name": "worker"}}
    conditions = [{"type": "Complete", "status": "True"}] if ended else []
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "status": {"conditions": conditions}}


def node(name: str, labels: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def interrupt_when(seen: Path) -> threading.Thread:
    """Press Ctrl-C once a file has two samples."""

    def press() -> None:
        while not seen.is_file() or len(seen.read_text().splitlines()) < 3:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def test_a_sample_has_all_figures(farm: Rig) -> None:
    ran = farm.run("fleet", "watch", "--for", "0.1s", "--json")
    assert (ran.code, ran.err) == (0, "")
    (line,) = ran.out.splitlines()
    look = json.loads(line)
    assert look.pop("time").endswith("+00:00")
    assert look == {
        "waiting": 5,
        "in_flight": 2,
        "dead_letters": 1,
        "desired": 2,
        "pods_pending": 1,
        "pods_running": 3,
        "pods_succeeded": 0,
        "pods_failed": 1,
        "nodes_on_demand": 1,
        "nodes_spot": 2,
        "nodes_other": 1,
        "problem": None,
        "waits": [{"reason": "Starting", "workers": 1, "message": ""}],
    }


def test_the_desired_number_is_that_of_the_autoscaler(farm: Rig) -> None:
    assert farm.deploy("--overlay", "hpa").code == 0
    scaler = farm.server.find("HorizontalPodAutoscaler", "worker")
    assert scaler is not None
    scaler["status"] = {"desiredReplicas": 8}
    assert farm.run("fleet", "watch", "--for", "0.1s", "--json").json()["desired"] == 8


def test_samples_are_taken_until_the_time_is_over(farm: Rig) -> None:
    ran = farm.run("fleet", "watch", "--every", "0.4s", "--for", "2s", "--json")
    assert ran.code == 0
    assert 2 <= len(ran.out.splitlines()) <= 6


def test_a_pipe_gets_a_line_for_each_change(farm: Rig) -> None:
    ran = farm.run("fleet", "watch", "--every", "0.3s", "--for", "1.5s")
    line, reason = ran.out.splitlines()
    assert reason.strip() == "1 worker waits: Starting"
    assert line[8:] == (
        "  queue: 5 waiting, 2 in flight, 1 dead letters; pods: 2 wanted, 1 pending, 3 running, 1 failed; "
        "nodes: 1 on-demand, 2 spot, 1 other"
    )


def test_ctrl_c_ends_a_watch_with_its_rows_and_plot(farm: Rig, tmp_path: Path) -> None:
    rows, picture = tmp_path / "fleet.csv", tmp_path / "fleet.png"
    pressing = interrupt_when(rows)
    ran = farm.run("fleet", "watch", "--every", "0.2s", "--csv", rows, "--plot", picture)
    pressing.join()
    assert (ran.code, ran.err) == (0, "")
    with rows.open(newline="") as file:
        looks = list(csv.DictReader(file))
    assert len(looks) >= 2
    assert {(look["waiting"], look["pods_running"], look["nodes_spot"]) for look in looks} == {("5", "3", "2")}
    with Image.open(picture) as image:
        image.load()
        assert image.format == "PNG"
        assert image.size == (1000, 800)
        colours = image.convert("RGB").getcolors(1 << 20)
    # An empty plot would have fewer colours than axes, grid and curves.
    assert colours is not None
    assert len(colours) > 50


def test_rows_are_appended_to_those_of_an_earlier_watch(farm: Rig, tmp_path: Path) -> None:
    rows = tmp_path / "fleet.csv"
    for _ in range(2):
        assert farm.run("fleet", "watch", "--for", "0.1s", "--csv", rows).code == 0
    head, *looks = rows.read_text().splitlines()
    assert head == COLUMNS
    assert len(looks) == 2


def test_a_file_with_other_columns_stays_unchanged(farm: Rig, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("name,phone\n")
    ran = farm.run("fleet", "watch", "--for", "0.1s", "--csv", other)
    assert (ran.code, ran.out) == (2, "")
    assert "has other columns" in ran.err
    assert other.read_text() == "name,phone\n"


def test_a_plot_can_be_svg(farm: Rig, tmp_path: Path) -> None:
    picture = tmp_path / "fleet.svg"
    assert farm.run("fleet", "watch", "--for", "0.1s", "--plot", picture).code == 0
    assert "<svg" in picture.read_text()


@pytest.mark.parametrize("name", ["fleet.bmp", "fleet", "nowhere/fleet.png"])
def test_an_impossible_plot_is_refused_before_the_watch(farm: Rig, tmp_path: Path, name: str) -> None:
    farm.server.asked.clear()
    ran = farm.run("fleet", "watch", "--for", "1h", "--plot", tmp_path / name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("frameloom: --plot: ")
    assert farm.server.asked == []


def test_a_watch_continues_after_an_error_with_a_warning(
    farm: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "ATTEMPTS", 1)
    rows, picture = tmp_path / "fleet.csv", tmp_path / "fleet.png"
    farm.server.hiccups = [500]
    ran = farm.run("fleet", "watch", "--every", "0.3s", "--for", "2s", "--csv", rows, "--plot", picture)
    assert ran.code == 0
    assert ran.err.count("frameloom: The cluster farm-cluster failed to list Jobs: the server is busy.") == 1
    with rows.open(newline="") as file:
        first, second, *_ = csv.DictReader(file)
    assert (first["waiting"], first["pods_running"]) == ("5", "")
    assert first["problem"].startswith("The cluster farm-cluster failed to list Jobs")
    assert (second["waiting"], second["pods_running"], second["problem"]) == ("5", "3", "")
    assert picture.stat().st_size > 0


def test_for_a_stack_without_a_cluster_only_the_queue_is_watched(farm: Rig) -> None:
    drop_stack(STACK)
    make_stack(STACK, Cluster="none")
    boto3.client("sqs").send_message(QueueUrl=outputs_of(STACK)["ChunkQueueUrl"], MessageBody="one")
    ran = farm.run("fleet", "watch", "--for", "0.1s", "--json")
    assert (ran.code, ran.err) == (0, f"frameloom: The stack '{STACK}' has no cluster: only its queue is watched.\n")
    assert (ran.json()["waiting"], ran.json()["pods_running"]) == (1, None)


def test_a_watch_that_cannot_start_is_one_sentence(farm: Rig) -> None:
    farm.server.knows = lambda _: False
    ran = farm.run("fleet", "watch", "--for", "1h")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("frameloom: The cluster farm-cluster does not accept your credentials")
    assert farm.run("fleet", "watch", "--every", "never").code == 2
