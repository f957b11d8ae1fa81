"""The estimate of a job: its bill, its waits and its quotas, and the tables of the documents."""

import json
import re
from pathlib import Path

import pytest

from frameloom.cli.app import main
from frameloom.estimate import idle_costs, tables
from frameloom.estimate.bill import MEMORY, ON_DEMAND, SPOT, bill, sqs_requests, total
from frameloom.estimate.fleet_simulation import simulated_job
from frameloom.estimate.job_estimate import Case, chunk_rounds, estimate
from frameloom.estimate.prices import PRICES
from frameloom.estimate.queue_waits import expired_chunks, longest_wait
from frameloom.estimate.quotas import QUOTAS, USE, Quota
from frameloom.estimate.tables import DEFAULT_FLEET, updated
from frameloom.model.request import MAX_WORKERS, QUEUE_TIMEOUT
from frameloom.model.timings import Timings
from frameloom.services.plan_chunks import chunk_frames, scouts
from frameloom.services.storage.object_io import MOST_PARTS
from frameloom.services.verify_frames import AT_ONCE, SEGMENT_FRAMES
from tests.conformance.farm_template import of_type, resources

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", tables.DOCUMENTS, ids=str)
def test_the_tables_of_a_document_are_up_to_date(document: Path) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")

    assert updated(text, document) == text, "run `python -m frameloom.estimate --write`"


def test_a_document_without_the_markers_of_a_table_is_refused() -> None:
    with pytest.raises(LookupError, match="minutes"):
        updated("# Scale\n")


@pytest.mark.parametrize(
    ("frames", "workers", "seconds"),
    [(1, 1, 60.0), (250, 10, 60.0), (250, 1_000, 60.0), (10_000, 10, 60.0), (10_000, 100, 7.3), (50_000, 1_000, 0.1)],
)
def test_chunks_have_the_planners_sizes(frames: int, workers: int, seconds: float) -> None:
    *first, sizes = chunk_rounds(Case(frames=frames, workers=workers, seconds=seconds))

    job = simulated_job(frames, workers)
    every, known = job.frame_range(), None
    if first:
        tried = [frame for scout in scouts(every) for frame in scout]
        known = Timings(start=2.2, frames={str(frame): seconds for frame in tried})
        every = every.without(tried)
    assert list(sizes) == [len(chunk) for chunk in chunk_frames(job, every, known)]


def test_the_bill_of_a_small_job_matches_a_calculation_by_hand() -> None:
    job = estimate(Case(frames=6, workers=1))
    lines = bill(job)

    # Two chunks of three frames, one after another on one worker, and a film of one segment.
    assert job.sizes == ((3, 3),)
    assert (job.chunks, job.started_workers, job.segments) == (2, 1, 1)
    # The first worker after 75 s, Blender in 2.2, twice 180 s and 0.3 for each chunk.
    assert job.fleet.wall == pytest.approx(75 + 2.2 + 2 * (180 + 0.3))
    # It is paid from its start, plus six minutes of overhead.
    assert job.worker_hours == pytest.approx((2.2 + 360.6 + 360) / 3600)
    assert lines[ON_DEMAND] == pytest.approx(0.17 * 722.8 / 3600)
    assert lines["EBS"] == pytest.approx(80 * 0.08 / 730 * 722.8 / 3600)
    # Ten states of one round, three of the film, and two children.
    assert lines["Step Functions"] == pytest.approx(15 * 0.025 / 1000)
    # A renewal as each chunk begins, and one for each half minute of the six frames.
    assert job.heartbeats == 2 + 12
    # Each chunk: sent, received, renewed, deleted. 8 log batches: sent, received, deleted. 12 renewals, and polls.
    assert sqs_requests(job) == pytest.approx(2 * 4 + 8 * 3 + 12 + job.wall * (1 / 15 + 0.5))
    assert total(lines, without=SPOT) - total(lines, without=ON_DEMAND) == pytest.approx(lines[ON_DEMAND] - lines[SPOT])


def test_an_estimate_covers_the_render_time_of_all_frames() -> None:
    for case in tables.cases():
        job = estimate(case)
        assert sum(map(sum, job.sizes)) == case.frames
        assert job.wall > case.ideal
        assert job.worker_hours * 3600 > case.frames * case.seconds


def test_chunks_expire_where_max_workers_exceeds_the_fleet_and_the_queue_timeout_is_short() -> None:
    case = Case(frames=20_000, workers=10)

    short = 4 * 3600
    failed, chunks = expired_chunks(case, 100, short)
    assert 0 < failed < chunks
    assert longest_wait(case, 100) > short
    # With `max_workers` of the fleet's size, or with the default timeout, no chunk expires.
    assert expired_chunks(case, 10, short)[0] == 0
    assert longest_wait(case, 10) == 0
    assert expired_chunks(case, 100, QUEUE_TIMEOUT)[0] == 0


def test_a_chunk_expires_twice_before_it_fails() -> None:
    # Three chunks of 3 minutes on one worker, all out at once, at 0, 3 and 6 minutes.
    case = Case(frames=9, workers=1)

    assert expired_chunks(case, 3, 181) == (0, 3)
    # The third waits 6 minutes, in two tries: the second begins after 3 or 2, and ends after 6 or 4.
    assert expired_chunks(case, 3, 130) == (1, 3)


@pytest.mark.parametrize("name", MEMORY)
def test_functions_have_the_memory_of_the_template(name: str) -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    block = text.partition(f"\n  {name}:\n")[2]
    own = re.search(r"MemorySize: (\d+)", re.split(r"\n  \w", block)[0])
    found = own or re.search(r"MemorySize: (\d+)", text.partition("Globals:")[2])

    assert found is not None
    assert int(found[1]) == MEMORY[name]


def test_the_default_fleet_is_that_of_the_manifest() -> None:
    manifest = (ROOT / "cluster/overlays/keda/scaled-job.yaml").read_text(encoding="utf-8")

    assert f"maxReplicaCount: {DEFAULT_FLEET}\n" in manifest


def test_alarms_are_paid_by_the_templates_metrics() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")
    metrics = [
        sum("MetricStat" in each for each in alarm["Metrics"]) if "Metrics" in alarm else 1 for alarm in alarms.values()
    ]

    assert (len(metrics), sum(metrics)) == (6, idle_costs.ALARM_METRICS)
    _, dollars = idle_costs.idle_bill(cluster=False)["six alarms over 9 metrics"]
    assert dollars == pytest.approx(0.90)


def test_the_count_of_frames_is_paid_by_the_templates_schedule() -> None:
    pulse = resources["CollectLogsFunction"]["Properties"]["Events"]["Pulse"]["Properties"]

    assert pulse["Schedule"] == "rate(1 minute)"
    assert idle_costs.PULSES == 60 * 730


@pytest.mark.parametrize("page", ["README.md", "docs/operator.md"])
def test_all_pages_give_the_same_cost_of_an_idle_farm(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    with_a_cluster, without = (
        sum(cost for _, cost in idle_costs.idle_bill(cluster=cluster).values()) for cluster in (True, False)
    )

    assert f"about ${10 * round(with_a_cluster / 10)}" in text.replace("**", "")
    assert round(without) == 2
    assert "about two dollars" in text


def test_an_idle_cluster_pays_for_its_node_s_disk_and_its_audit_log() -> None:
    lines = idle_costs.idle_bill(cluster=True)

    assert lines["that node's disk"][1] == pytest.approx(80 * 0.08)
    assert lines["the cluster's audit log"][1] > 0


def test_quotas_of_ours_match_the_code_and_the_template() -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    retention = text.partition("LogRetentionDays:")[2].partition("LogLevel:")[0]

    assert f"Default: {quota('log_retention').limit:.0f}\n" in retention
    assert f"MessageRetentionPeriod: {quota('sqs_retention').limit:.0f}\n" in text
    assert quota("map_children").limit == MAX_WORKERS
    assert quota("queue_timeout").limit == QUEUE_TIMEOUT
    assert quota("s3_parts").limit == MOST_PARTS
    assert f"at most {SEGMENT_FRAMES} frames" in quota("encode_seconds").design
    assert quota("concurrent_lambdas").design.startswith(f"{AT_ONCE} encoders")


def test_every_quota_has_a_use() -> None:
    assert [each.id for each in QUOTAS] == list(USE)


def test_every_price_and_quota_has_a_source() -> None:
    for price in PRICES.values():
        assert price.dollars > 0
        assert price.source.startswith("https://")
    for each in QUOTAS:
        assert each.source.startswith("https://") or (ROOT / each.source).is_file()


def quota(name: str) -> Quota:
    (found,) = (each for each in QUOTAS if each.id == name)
    return found


def test_the_command_estimates_a_job_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "--frames", "1-250", "--seconds", "1m", "--workers", "10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)

    job = estimate(Case(frames=250, workers=10))
    assert (found["frames"], found["workers"], found["seconds"]) == (250, 10, 60.0)
    assert found["seconds_total"] == job.wall
    assert found["dollars_total"]["spot"] == pytest.approx(total(bill(job), without=ON_DEMAND))


def test_the_command_shows_a_table_and_names_exceeded_quotas(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "--frames", "1-250", "--seconds", "60"]) == 0
    shown = capsys.readouterr().out

    assert "250 frames of 60 s on 10 workers" in shown
    assert re.search(r"total, spot.*\$ 0\.740", shown)
    assert "Exceeds the quota EC2: vCPU" in shown
    assert "Exceeds the quota Step Functions" not in shown


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--frames", "ten", "--seconds", "60"], "--frames: "),
        (["--frames", "1-10", "--seconds", "soon"], "--seconds: takes a time such as 90, 90s, 15m or 2h, not 'soon'"),
        (
            ["--frames", "1-10", "--seconds", "60", "--workers", "0"],
            "--workers: takes a number from 1 to 10,000",
        ),
        (["--frames", "1-10", "--seconds", "60", "--workers", "1.5"], "not '1.5'"),
    ],
)
def test_the_command_names_the_option_with_a_wrong_value(
    options: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", *options]) == 2
    assert problem in capsys.readouterr().err
