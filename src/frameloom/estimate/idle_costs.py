"""The monthly cost of an idle farm: a table in the operator's guide."""

from frameloom.estimate.prices import MONTH, cost

# Memory of CollectLogs in template.yaml, in MB.
COLLECT_MEMORY = 512
# KEDA polls every 15 seconds. Lambda keeps five pollers at each of two queues, and a poll lasts 20 seconds.
KEDA_POLLS = 1 / 15
POLLS_A_SECOND = KEDA_POLLS + 2 * 5 / 20
# Bytes that a call of a function logs.
LOG_BYTES = 1_000
# Gigabytes of the disk that Auto Mode gives a node.
DISK_GB = 80
# Metrics in the template's alarms. Calls a month by the schedule that publishes a count of 0 frames, and their seconds.
ALARM_METRICS, PULSES, PULSE = 9, 60 * MONTH, 0.1
# Gigabytes a month of an idle cluster's audit log: assumed, not measured, at 140 KB a minute for its controllers.
AUDIT_GB = 6


def idle_bill(*, cluster: bool) -> dict[str, tuple[str, float]]:
    """Return quantity and dollars of an idle month for each service, with the farm's own cluster or without one."""
    lambda_polls = POLLS_A_SECOND - KEDA_POLLS
    polls = (POLLS_A_SECOND if cluster else lambda_polls) * 3600 * MONTH
    pulse = (
        cost("metric_month", 1)
        + cost("lambda_request", PULSES)
        + cost("lambda_second", COLLECT_MEMORY / 1024 * PULSE * PULSES)
        + cost("logs_gb", LOG_BYTES * PULSES / 1e9)
        # X-Ray records the first call of each second.
        + cost("trace", PULSES)
    )
    of_the_cluster = {
        "EKS control plane": ("$0.10 an hour", cost("control_plane_hour", MONTH)),
        "one node, for KEDA and the metrics server": (
            "c5.large at $0.085 an hour, 12 % more for Auto Mode",
            cost("small_node_hour", MONTH),
        ),
        "that node's disk": (f"{DISK_GB} GB of gp3 at $0.08", cost("disk_month", DISK_GB)),
        "NAT gateway with its address": ("$0.045 and $0.005 an hour", cost("nat_hour", MONTH)),
        "the cluster's audit log": (
            f"about {AUDIT_GB} GB at $0.50: assumed, and more with each worker",
            cost("logs_gb", AUDIT_GB),
        ),
    }
    return (of_the_cluster if cluster else {}) | {
        f"six alarms over {ALARM_METRICS} metrics": ("$0.10 a metric", cost("alarm_month", ALARM_METRICS)),
        "the count of frames for *JobStuck*": (f"a metric at $0.30, {PULSES:,} calls of a function, traced", pulse),
        "polls of the queues, by Lambda and KEDA": (
            f"{polls / 1e6:.1f} million requests at $0.40 a million",
            cost("sqs_request", polls),
        ),
    }


def idle_rows() -> list[list[str]]:
    """Return the rows of the table: an idle month with the farm's own cluster, and the total without a cluster."""
    lines = idle_bill(cluster=True)
    rows = [[name, how, f"{dollars:.2f}"] for name, (how, dollars) in lines.items()]
    without = sum(dollars for _, dollars in idle_bill(cluster=False).values())
    rows.append(["storage", "$0.023 a GB in S3, $0.10 a GB in ECR (an image is about 0.6 GB)", "by use"])
    rows.append(["**total**", "and storage", f"**{sum(dollars for _, dollars in lines.values()):.2f}**"])
    rows.append(["**without a cluster**", "and storage", f"**{without:.2f}**"])
    return rows
