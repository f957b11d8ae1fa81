"""The monthly cost of an idle farm: the table of docs/operator.md."""

from frameloom.estimate import prices

# Memory of CollectLogs in template.yaml, in MB.
COLLECT_MEMORY = 512
# KEDA polls every 15 seconds; Lambda keeps five pollers at each of two queues, 20 seconds a poll.
KEDA_POLLS = 1 / 15
POLLS_A_SECOND = KEDA_POLLS + 2 * 5 / 20
# Bytes that a call of a function logs.
LOG_BYTES = 1_000
# Gigabytes of the disk that Auto Mode gives a node.
DISK_GB = 80
# Metrics of the template's alarms. Calls a month by the schedule that publishes a count of 0 frames, and their seconds.
ALARM_METRICS, PULSES, PULSE = 9, 60 * prices.MONTH, 0.1
# Gigabytes a month of an idle cluster's audit log: assumed, not measured, at 140 KB a minute for the requests of its
# controllers.
AUDIT_GB = 6


def idle_bill(*, cluster: bool) -> dict[str, tuple[str, float]]:
    """Return quantity and dollars of an idle month for each service, with the farm's own cluster or without one."""
    month, lambda_polls = prices.MONTH, POLLS_A_SECOND - KEDA_POLLS
    polls = (POLLS_A_SECOND if cluster else lambda_polls) * 3600 * month
    pulse = (
        prices.METRIC_MONTH.of(1)
        + prices.LAMBDA_REQUEST.of(PULSES)
        + prices.LAMBDA_SECOND.of(COLLECT_MEMORY / 1024 * PULSE * PULSES)
        + prices.LOGS_GB.of(LOG_BYTES * PULSES / 1e9)
        # X-Ray records the first call of each second.
        + prices.TRACE.of(PULSES)
    )
    of_the_cluster = {
        "EKS control plane": ("$0.10 an hour", prices.CONTROL_PLANE_HOUR.of(month)),
        "one node, for KEDA and the metrics server": (
            "c5.large at $0.085 an hour, 12 % more for Auto Mode",
            prices.SMALL_NODE_HOUR.of(month),
        ),
        "that node's disk": (f"{DISK_GB} GB of gp3 at $0.08", prices.DISK_MONTH.of(DISK_GB)),
        "NAT gateway with its address": ("$0.045 and $0.005 an hour", prices.NAT_HOUR.of(month)),
        "the cluster's audit log": (
            f"about {AUDIT_GB} GB at $0.50: assumed, and more with each worker",
            prices.LOGS_GB.of(AUDIT_GB),
        ),
    }
    return (of_the_cluster if cluster else {}) | {
        f"six alarms over {ALARM_METRICS} metrics": ("$0.10 a metric", prices.ALARM_MONTH.of(ALARM_METRICS)),
        "the count of frames for *JobStuck*": (f"a metric at $0.30, {PULSES:,} calls of a function, traced", pulse),
        "polls of the queues, by Lambda and KEDA": (
            f"{polls / 1e6:.1f} million requests at $0.40 a million",
            prices.SQS_REQUEST.of(polls),
        ),
    }


def idle_rows() -> list[list[str]]:
    """Return the table's rows: an idle month with the farm's own cluster, and the total without a cluster."""
    lines = idle_bill(cluster=True)
    rows = [[name, how, f"{cost:.2f}"] for name, (how, cost) in lines.items()]
    without = sum(cost for _, cost in idle_bill(cluster=False).values())
    rows.append(["storage", "$0.023 a GB in S3, $0.10 a GB in ECR (an image is about 0.6 GB)", "by use"])
    rows.append(["**in all**", "and storage", f"**{sum(cost for _, cost in lines.values()):.2f}**"])
    rows.append(["**without a cluster**", "and storage", f"**{without:.2f}**"])
    return rows
