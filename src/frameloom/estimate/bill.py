"""The bill of a job, by AWS service."""

from collections.abc import Mapping

from frameloom.estimate.aws_requests import AwsRequests
from frameloom.estimate.idle_costs import COLLECT_MEMORY, DISK_GB, LOG_BYTES, POLLS_A_SECOND
from frameloom.estimate.job_estimate import FRAME_BYTES, Estimate
from frameloom.estimate.prices import MONTH, cost

# Megabytes of each function in template.yaml. Disks beyond the free half gigabyte cost less than a cent a job.
MEMORY = {
    "PrepareJobFunction": 1769,
    "PlanChunksFunction": 1024,
    "VerifyFramesFunction": 1024,
    "EncodeSegmentFunction": 3008,
    "StitchVideoFunction": 1769,
    "LogJobFunction": 1024,
    "CollectLogsFunction": COLLECT_MEMORY,
}
# Bytes of a request to SQS or Step Functions and its response.
REQUEST_BYTES = 4_000
# X-Ray records the first request of each second and this part of the others.
SAMPLED = 0.05

ON_DEMAND, SPOT = "EC2, on demand", "EC2, spot"


def bill(job: Estimate) -> dict[str, float]:
    """Return dollars by service. A job pays one of the two lines of EC2."""
    aws, hours = job.requests, job.worker_hours
    cluster_hour = (
        cost("control_plane_hour", 1)
        + cost("small_node_hour", 1)
        + cost("disk_month", DISK_GB) / MONTH
        + cost("nat_hour", 1)
    )
    traces = _calls(aws) + 1 + job.chunks
    return {
        ON_DEMAND: cost("on_demand_hour", hours),
        SPOT: cost("spot_hour", hours),
        "EKS Auto Mode": cost("auto_mode_hour", hours),
        "EBS": cost("disk_month", DISK_GB * hours / MONTH),
        "EKS, KEDA's node with its disk, NAT, while the job runs": cluster_hour * job.wall / 3600,
        "Step Functions": cost("transition", aws.transitions + aws.child_transitions),
        "SQS": cost("sqs_request", sqs_requests(job)),
        "S3, requests": cost("s3_put", aws.s3_puts + aws.s3_lists) + cost("s3_get", aws.s3_gets),
        "Lambda": sum(
            cost("lambda_request", calls) + cost("lambda_second", MEMORY[name] / 1024 * job.function_seconds[name])
            for name, calls in aws.lambda_calls.items()
        ),
        "CloudWatch Logs": cost("logs_gb", _calls(aws) * LOG_BYTES / 1e9),
        "X-Ray": cost("trace", min(traces, job.wall + SAMPLED * traces)),
        "EventBridge": cost("event", 1),
        "NAT, bytes": cost("nat_gb", (sqs_requests(job) + job.heartbeats + job.chunks) * REQUEST_BYTES / 1e9),
    }


def sqs_requests(job: Estimate) -> float:
    """Return the requests to SQS: for the chunks, for the renewals of their leases, and for polls meanwhile."""
    renewals = job.heartbeats - job.requests.tokens["SendTaskHeartbeat"]
    return job.requests.sqs_requests + renewals + POLLS_A_SECOND * job.wall


def total(lines: Mapping[str, float], *, without: str) -> float:
    """Return the sum of a bill without one of its two lines of EC2."""
    return sum(dollars for name, dollars in lines.items() if name != without)


def orchestrator_cost(lines: Mapping[str, float]) -> float:
    """Return the part of a bill that is neither machines nor cluster."""
    names = list(lines)
    return sum(lines[name] for name in names[names.index("Step Functions") :])


def monthly_storage(job: Estimate) -> float:
    """Return the dollars a month for the job's frames and film in S3."""
    return cost("s3_month", (job.case.frames * FRAME_BYTES + job.film_bytes) / 1e9)


def _calls(aws: AwsRequests) -> int:
    return sum(aws.lambda_calls.values())
