"""Prices that the farm's costs are made of: us-east-1, in US dollars, without tax, free tiers and discounts.

Each says where it stands and when it was read there. Pages that make their figures as they open could not be read:
those prices are what is commonly quoted, and say so. Nobody here has yet seen a bill.
"""

from dataclasses import dataclass

# The day on which a stored copy of the source was read; it may be older than the price.
READ = "2026-11-25"
# Hours of a month, as AWS reckons.
MONTH = 730
# S3's own page makes its tables as it opens.
_S3 = "https://devnotes.tech/understanding-aws-s3-pricing-a-complete-cost-breakdown-with-examples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What AWS takes for one of something.

    Attributes:
        dollars: for one `unit`.
        source: the page that says so.
        read: when, None where it could not be read there.
        note: what is to be known of it.
    """

    dollars: float
    unit: str
    source: str
    read: str | None = None
    note: str = ""

    def of(self, amount: float) -> float:
        """Return what so many units cost."""
        return self.dollars * amount


TRANSITION = Price(
    dollars=0.025 / 1000,
    unit="state transition, Standard",
    source="https://aws.amazon.com/step-functions/pricing/",
    read=READ,
    note="each retry counts; an Express child, paid by request and duration, cannot wait for a worker's answer",
)
LAMBDA_SECOND = Price(
    dollars=0.0000133334,
    unit="GB-second on arm64",
    source="https://cloudchipr.com/blog/aws-lambda-pricing",
    read=READ,
    note="the first 7.5 billion a month",
)
LAMBDA_REQUEST = Price(
    dollars=0.20 / 1_000_000, unit="call of a function", source="https://aws.amazon.com/lambda/pricing/"
)
S3_PUT = Price(
    dollars=0.005 / 1000,
    unit="PUT, POST or LIST",
    source=_S3,
    read=READ,
)
S3_GET = Price(
    dollars=0.0004 / 1000,
    unit="GET or HEAD",
    source=_S3,
    read=READ,
)
S3_MONTH = Price(
    dollars=0.023,
    unit="GB a month, Standard, the first 50 TB",
    source=_S3,
    read=READ,
    note="between S3 and machines of the region nothing is paid for bytes",
)
SQS_REQUEST = Price(
    dollars=0.40 / 1_000_000,
    unit="request of up to 64 KB, standard queue",
    source="https://aws.amazon.com/sqs/pricing/",
)
LOGS_GB = Price(dollars=0.50, unit="GB of logs taken in", source="https://aws.amazon.com/cloudwatch/pricing/")
ALARM_MONTH = Price(
    dollars=0.10, unit="month of an alarm, per metric in it", source="https://aws.amazon.com/cloudwatch/pricing/"
)
METRIC_MONTH = Price(
    dollars=0.30,
    unit="month of a custom metric, by the hours with a value",
    source="https://aws.amazon.com/cloudwatch/pricing/",
    note="the first ten of an account are free",
)
TRACE = Price(dollars=5 / 1_000_000, unit="trace recorded by X-Ray", source="https://aws.amazon.com/xray/pricing/")
EVENT = Price(
    dollars=1 / 1_000_000,
    unit="event of our own",
    source="https://aws.amazon.com/eventbridge/pricing/",
    note="those of S3 cost nothing",
)
ON_DEMAND_HOUR = Price(
    dollars=0.17,
    unit="hour of c5.xlarge",
    source="https://docs.aws.amazon.com/autoscaling/ec2/userguide/weights-spot-price-per-unit-hour-example.html",
    read=READ,
    note="half of the c5.2xlarge in that example",
)
SPOT_HOUR = Price(
    dollars=0.085,
    unit="hour of c5.xlarge on spot",
    source=ON_DEMAND_HOUR.source,
    read=READ,
    note="a quarter of the c5.4xlarge there, in the middle one of three zones; it changes by the hour, and with demand",
)
AUTO_MODE_HOUR = Price(
    dollars=0.12 * ON_DEMAND_HOUR.dollars,
    unit="hour of a c5.xlarge that EKS Auto Mode manages, spot or not",
    source="https://www.factualminds.com/blog/amazon-eks-pricing-control-plane-addons-auto-mode/",
    read=READ,
    note="12 % of the on-demand price, as measured by others",
)
DISK_MONTH = Price(dollars=0.08, unit="GB a month of EBS gp3", source="https://aws.amazon.com/ebs/pricing/")
CONTROL_PLANE_HOUR = Price(
    dollars=0.10,
    unit="hour of an EKS cluster",
    source=AUTO_MODE_HOUR.source,
    read=READ,
    note="six times as much in extended support, which the template refuses",
)
SMALL_NODE_HOUR = Price(
    dollars=0.085 * 1.12,
    unit="hour of the c5.large that KEDA stands on, Auto Mode with it",
    source=ON_DEMAND_HOUR.source,
    read=READ,
    note="a quarter of the c5.2xlarge in that example",
)
NAT_HOUR = Price(
    dollars=0.045 + 0.005, unit="hour of a NAT gateway and its address", source="https://aws.amazon.com/vpc/pricing/"
)
NAT_GB = Price(dollars=0.045, unit="GB through a NAT gateway", source="https://aws.amazon.com/vpc/pricing/")
OUT_GB = Price(
    dollars=0.09,
    unit="GB out to the internet, the first 10 TB a month",
    source=_S3,
    read=READ,
    note="in no table: who fetches frames pays it",
)
PRICES = (
    ON_DEMAND_HOUR,
    SPOT_HOUR,
    AUTO_MODE_HOUR,
    DISK_MONTH,
    CONTROL_PLANE_HOUR,
    SMALL_NODE_HOUR,
    NAT_HOUR,
    NAT_GB,
    TRANSITION,
    SQS_REQUEST,
    S3_PUT,
    S3_GET,
    S3_MONTH,
    LAMBDA_SECOND,
    LAMBDA_REQUEST,
    LOGS_GB,
    ALARM_MONTH,
    METRIC_MONTH,
    TRACE,
    EVENT,
    OUT_GB,
)
