"""docs/scale.md is made by frameloom/estimate/costs.py from the planner's sizes and the template's figures."""

import re
from pathlib import Path

import pytest

from frameloom.estimate import costs, idle_costs, prices
from frameloom.estimate.costs import DEFAULT_FLEET, MEMORY, ON_DEMAND, SPOT, bill, sqs_requests, total, written
from frameloom.estimate.fleet_comparison import Row
from frameloom.estimate.job_scale import Case, cut, estimate, given_up, longest_wait
from frameloom.estimate.quotas import QUOTAS, Quota
from frameloom.model.request import MAX_WORKERS, QUEUE_TIMEOUT
from frameloom.model.timings import Timings
from frameloom.services.plan_chunks import chunk_frames, scouts
from tests.conformance.farm_template import of_type, resources

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", costs.DOCUMENTS, ids=str)
def test_a_document_is_what_the_script_writes(document: Path) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")

    assert written(text, document) == text, "run `python -m frameloom.estimate.costs --write`"


def test_a_document_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(LookupError, match="minutes"):
        written("# Scale\n")


@pytest.mark.parametrize(
    ("frames", "workers", "seconds"),
    [(1, 1, 60.0), (250, 10, 60.0), (250, 1_000, 60.0), (10_000, 10, 60.0), (10_000, 100, 7.3), (50_000, 1_000, 0.1)],
)
def test_chunks_are_those_of_the_planner(frames: int, workers: int, seconds: float) -> None:
    *first, sizes = cut(Case(frames=frames, workers=workers, seconds=seconds))

    job = Row(frames=frames, workers=workers).job()
    every, known = job.frame_range(), None
    if first:
        tried = [frame for scout in scouts(every) for frame in scout]
        known = Timings(start=2.2, frames={str(frame): seconds for frame in tried})
        every = every.without(tried)
    assert list(sizes) == [len(chunk) for chunk in chunk_frames(job, every, known)]


def test_a_small_job_costs_what_is_worked_out_by_hand() -> None:
    job = estimate(Case(frames=6, workers=1))
    lines = bill(job)

    # Two chunks of three frames, one after another on one worker, and a film of one segment.
    assert job.sizes == ((3, 3),)
    assert (job.chunks, job.came, job.segments) == (2, 1, 1)
    # The first worker after 75 s, Blender in 2.2, twice 180 s and 0.3 for each chunk.
    assert job.fleet.wall == pytest.approx(75 + 2.2 + 2 * (180 + 0.3))
    # It is paid from its start, and six minutes beside.
    assert job.worker_hours == pytest.approx((2.2 + 360.6 + 360) / 3600)
    assert lines[ON_DEMAND] == pytest.approx(0.17 * 722.8 / 3600)
    assert lines["EBS"] == pytest.approx(80 * 0.08 / 730 * 722.8 / 3600)
    # Ten states of one round, three of the film, and two children.
    assert lines["Step Functions"] == pytest.approx(15 * 0.025 / 1000)
    # A renewal as each chunk begins, and one for each half minute of the six frames.
    assert job.beats == 2 + 12
    # For each chunk sent, received, renewed, deleted; 8 pieces of logs sent, received and deleted; 12 renewals; polls.
    assert sqs_requests(job) == pytest.approx(2 * 4 + 8 * 3 + 12 + job.wall * (1 / 15 + 0.5))
    assert total(lines, less=SPOT) - total(lines, less=ON_DEMAND) == pytest.approx(lines[ON_DEMAND] - lines[SPOT])


def test_the_fleet_has_time_for_every_frame() -> None:
    for case in costs.cases():
        job = estimate(case)
        assert sum(map(sum, job.sizes)) == case.frames
        assert job.wall > case.ideal
        assert job.worker_hours * 3600 > case.frames * case.seconds


def test_a_job_that_expects_more_workers_than_there_are_loses_chunks_to_its_patience() -> None:
    case = Case(frames=20_000, workers=10)

    impatient = 4 * 3600
    failed, chunks = given_up(case, 100, impatient)
    assert 0 < failed < chunks
    assert longest_wait(case, 100) > impatient
    # With as many as there are, or the patience that a request has unless it says otherwise, none is lost.
    assert given_up(case, 10, impatient)[0] == 0
    assert longest_wait(case, 10) == 0
    assert given_up(case, 100, QUEUE_TIMEOUT)[0] == 0


def test_a_chunk_is_tried_twice_before_its_wait_fails_it() -> None:
    # Three chunks of 3 minutes on one worker, all out at once, at 0, 3 and 6 minutes.
    case = Case(frames=9, workers=1)

    assert given_up(case, 3, 181) == (0, 3)
    # The third waits 6 minutes, in two tries: the second begins after 3 or 2, and ends after 6 or 4.
    assert given_up(case, 3, 130) == (1, 3)


@pytest.mark.parametrize("name", MEMORY)
def test_functions_have_the_memory_of_the_template(name: str) -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    block = text.partition(f"\n  {name}:\n")[2]
    own = re.search(r"MemorySize: (\d+)", re.split(r"\n  \w", block)[0])
    found = own or re.search(r"MemorySize: (\d+)", text.partition("Globals:")[2])

    assert found is not None
    assert int(found[1]) == MEMORY[name]


def test_the_fleet_that_was_told_nothing_is_that_of_the_manifest() -> None:
    manifest = (ROOT / "cluster/overlays/keda/scaled-job.yaml").read_text(encoding="utf-8")

    assert f"maxReplicaCount: {DEFAULT_FLEET}\n" in manifest


def test_alarms_are_paid_by_the_metrics_that_the_template_gives_them() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")
    metrics = [
        sum("MetricStat" in each for each in alarm["Metrics"]) if "Metrics" in alarm else 1 for alarm in alarms.values()
    ]

    assert (len(metrics), sum(metrics)) == (6, idle_costs.ALARM_METRICS)
    _, dollars = idle_costs.idle_bill(cluster=False)["six alarms over 9 metrics"]
    assert dollars == pytest.approx(0.90)


def test_the_count_of_frames_is_paid_by_its_schedule() -> None:
    pulse = resources["CollectLogsFunction"]["Properties"]["Events"]["Pulse"]["Properties"]

    assert pulse["Schedule"] == "rate(1 minute)"
    assert idle_costs.PULSES == 60 * 730


@pytest.mark.parametrize("page", ["README.md", "docs/operator.md"])
def test_what_an_idle_farm_costs_is_the_same_everywhere(page: str) -> None:
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


def test_the_days_of_the_log_bucket_and_of_messages_are_those_of_the_template() -> None:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")

    assert (
        f"Default: {quota('ours: days').most:.0f}\n" in text.partition("LogRetentionDays:")[2].partition("LogLevel:")[0]
    )
    assert f"MessageRetentionPeriod: {quota('SQS: age').most:.0f}\n" in text
    assert quota("Step Functions: children").most == MAX_WORKERS


def test_every_price_and_quota_says_where_it_stands() -> None:
    for price in prices.PRICES:
        assert price.dollars > 0
        assert price.source.startswith("https://")
    for each in QUOTAS:
        assert each.source.startswith("https://") or (ROOT / each.source).is_file()


def quota(name: str) -> Quota:
    (found,) = (each for each in QUOTAS if each.name.startswith(name))
    return found
