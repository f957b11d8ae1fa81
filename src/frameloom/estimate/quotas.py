"""Quotas of AWS that a job may meet: how far it goes into each, at which step, and how the design stays under it.

Defaults of us-east-1 for an account that is not new; new ones begin lower.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from frameloom.estimate.job_scale import CALL, ENCODE_FRAME, FIRST_WORKER, PIECE, WORKERS_A_SECOND, Estimate
from frameloom.estimate.operations import BEAT
from frameloom.model.request import QUEUE_TIMEOUT
from frameloom.services.storage.object_io import MOST_PARTS, PART_BYTES, part_bytes
from frameloom.services.verify_frames import AT_ONCE, SEGMENT_FRAMES

_STATES = "https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_LAMBDA_SQS = "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"
_S3_RATE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"
_S3_PARTS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"
_SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"
_SQS_MESSAGES = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"
_LOGS = "https://docs.aws.amazon.com/general/latest/gr/cwl_region.html"
_EVENTS = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"
_NODE_CLASS = "https://docs.aws.amazon.com/eks/latest/userguide/create-node-class.html"
_KUBERNETES = "https://kubernetes.io/docs/setup/best-practices/cluster-large/"
_SPOT = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html"

KIB, MIB, DAY = 1024, 1024 * 1024, 86_400
# Bytes of a chunk's message: its token has 1,024 at most, a scene's key 1,024, and settings and frames the rest.
MESSAGE = 4 * KIB
# Cores of a worker's machine; addresses of a node of Auto Mode, its own and a block of sixteen; those of three /19.
CORES, ADDRESSES, SUBNETS = 4, 17, 3 * (8192 - 5)
# Concurrent Lambdas of a new account, as commonly reported; calls of CollectLogs at once (template.yaml).
NEW_ACCOUNT, COLLECTORS = 10, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A limit of AWS, and how a job goes into it.

    Attributes:
        most: the limit.
        raised: whether AWS raises it where it is asked to.
        step: what of a job meets it.
        used: how much of it a job takes.
        design: how the farm stays under it, or what has to be done where it does not.
    """

    name: str
    most: float
    unit: str
    raised: bool
    step: str
    used: Callable[[Estimate], float]
    design: str
    source: str


def busy(job: Estimate) -> int:
    """Return how many workers render at once."""
    return min(job.came, job.case.workers)


def waits(job: Estimate) -> float:
    """Return how long the last of the first messages waits, until the last worker has come."""
    return FIRST_WORKER + job.came / WORKERS_A_SECOND


def _answers(job: Estimate) -> float:
    """Return how many chunks end in a second: on average, and no less than workers come in one."""
    return max(job.chunks / job.fleet.wall, min(WORKERS_A_SECOND, job.came))


def _pieces(job: Estimate) -> float:
    return busy(job) / job.case.seconds + _answers(job)


def _lambdas(job: Estimate) -> float:
    return max(min(job.segments, AT_ONCE), min(COLLECTORS, _pieces(job) * PIECE))


def _segment(job: Estimate) -> int:
    return math.ceil(job.case.frames / job.segments)


def _parts(job: Estimate) -> float:
    return 1 + math.ceil(max(0, job.film_bytes - PART_BYTES) / part_bytes(job.film_bytes))


QUOTAS: Sequence[Quota] = (
    Quota(
        name="Step Functions: events of an execution",
        most=25_000,
        unit="",
        raised=False,
        step="each round and the film",
        used=lambda job: job.asked.parent_events,
        design="a chunk and a segment is each a child with a history of its own, of eight events and of seven",
        source=_STATES,
    ),
    Quota(
        name="Step Functions: bytes of a state",
        most=256 * KIB,
        unit="bytes",
        raised=False,
        step="RenderChunks: names and settings",
        used=lambda job: job.asked.state_bytes,
        design="frames, chunks and segments are lists in S3, which the state names; their answers go to S3 as well",
        source=_STATES,
    ),
    Quota(
        name="Step Functions: children of a distributed Map at once",
        most=10_000,
        unit="",
        raised=False,
        step="RenderChunks",
        used=busy,
        design="`max_workers` is its MaxConcurrency, and takes no more than 10,000",
        source=_STATES,
    ),
    Quota(
        name="Step Functions: open Map runs",
        most=1000,
        unit="",
        raised=True,
        step="RenderChunks, then EncodeSegments: one a job",
        used=lambda _: 1,
        design="a thousand jobs at once",
        source=_STATES,
    ),
    Quota(
        name="Step Functions: open executions",
        most=1_000_000,
        unit="",
        raised=True,
        step="RenderChunks: children under way and the job",
        used=lambda job: busy(job) + 1,
        design="chunks that are not out yet are no executions; a hundred of the largest jobs at once",
        source=_STATES,
    ),
    Quota(
        name="Step Functions: state transitions",
        most=5000,
        unit="a second",
        raised=True,
        step="RenderChunks begins: a Map starts some hundred children a second",
        used=lambda job: min(100.0, job.chunks),
        design="one state a chunk; elsewhere than in three regions it is 800",
        source=_STATES,
    ),
    Quota(
        name="Step Functions: SendTaskHeartbeat",
        most=500,
        unit="a second",
        raised=True,
        step="a worker's beat, each 30 s",
        used=lambda job: busy(job) / BEAT.total_seconds() + _answers(job),
        design="one that is refused costs nothing: the lease is SQS's. Elsewhere than in us-east-1, us-west-2 and "
        "eu-west-1 it is 300, which 9,000 workers reach: have it raised",
        source=_STATES,
    ),
    Quota(
        name="Step Functions: SendTaskSuccess",
        most=500,
        unit="a second",
        raised=True,
        step="a chunk ends",
        used=_answers,
        design="workers come one after another, and so end; a worker tries for ten minutes",
        source=_STATES,
    ),
    Quota(
        name="Step Functions: StartExecution",
        most=300,
        unit="a second",
        raised=True,
        step="a job starts",
        used=lambda _: 1,
        design="one a job; a Map starts its children itself",
        source=_STATES,
    ),
    Quota(
        name="Step Functions: length of an execution",
        most=365,
        unit="days",
        raised=False,
        step="the whole job",
        used=lambda job: job.wall / DAY,
        design="what a year does not hold wants more workers",
        source=_STATES,
    ),
    Quota(
        name="ours: days that the log bucket keeps a job",
        most=90,
        unit="days",
        raised=True,
        step="VerifyFrames and LogJob read the manifest",
        used=lambda job: job.wall / DAY,
        design="a longer job fails at its end: set `LogRetentionDays`, and `FrameRetentionDays` beside it where frames "
        "expire; 30 and 60 are too short for the slowest row here",
        source="template.yaml",
    ),
    Quota(
        name="Lambda: calls at once",
        most=1000,
        unit="",
        raised=True,
        step="the film, and the workers' logs while frames render",
        used=_lambdas,
        design="40 encoders, `EncodersAtOnce`, and 20 calls of CollectLogs, of up to a hundred pieces of logs each",
        source=_LAMBDA,
    ),
    Quota(
        name="Lambda: calls at once, in a new account",
        most=NEW_ACCOUNT,
        unit="",
        raised=True,
        step="the film",
        used=_lambdas,
        design="throttled calls are retried for six hours, every 30 seconds on average: the film takes longer, but "
        "succeeds. `EncodersAtOnce` of 5 leaves room for other functions",
        source=_LAMBDA,
    ),
    Quota(
        name="Lambda: length of a call, EncodeSegment",
        most=900,
        unit="s",
        raised=False,
        step="EncodeSegment",
        used=lambda job: CALL + ENCODE_FRAME * _segment(job),
        design=f"a segment has {SEGMENT_FRAMES} frames at most, at 4K four times as long",
        source=_LAMBDA,
    ),
    Quota(
        name="Lambda: length of a call, StitchVideo",
        most=900,
        unit="s",
        raised=False,
        step="StitchVideo: the film passes through at 75 MB a second",
        used=lambda job: job.spent["StitchVideoFunction"],
        design="a film of 67 GB, 675,000 of these frames: render longer ones with `output: frames`, and make films of "
        "parts",
        source=_LAMBDA,
    ),
    Quota(
        name="Lambda: length of a call, LogJob",
        most=900,
        unit="s",
        raised=False,
        step="LogJob reads each chunk's result",
        used=lambda job: job.spent["LogJobFunction"],
        design="230,000 results: `chunk_size` of 1, 2 or 4 is too small for a million frames, ours are not",
        source=_LAMBDA,
    ),
    Quota(
        name="Lambda: disk",
        most=10_240 * MIB,
        unit="bytes",
        raised=False,
        step="PrepareJob: the scene, twice where it is compressed",
        used=lambda _: 200_000_000,
        design="of a scene of 100 MB here; frames and the film pass through, a segment alone lies on a disk",
        source=_LAMBDA,
    ),
    Quota(
        name="Lambda: bytes of an answer",
        most=6 * MIB,
        unit="bytes",
        raised=False,
        step="PrepareJob: names and settings",
        used=lambda job: job.asked.state_bytes,
        design="a state's 256 KiB come first",
        source=_LAMBDA,
    ),
    Quota(
        name="S3: PUT below one prefix",
        most=3500,
        unit="a second",
        raised=False,
        step="frames are stored",
        used=lambda job: busy(job) / job.case.seconds,
        design="a frame is one PUT, and the render key a prefix: 10,000 workers reach it at frames of 3 s",
        source=_S3_RATE,
    ),
    Quota(
        name="S3: GET below one prefix",
        most=5500,
        unit="a second",
        raised=False,
        step="a scene is fetched by each worker that comes; frames by the encoders",
        used=lambda job: max(14 * min(WORKERS_A_SECOND, job.came), min(job.segments, AT_ONCE) / ENCODE_FRAME),
        design="workers come one after another; each fetches a scene once, a frame is looked for in the PUT's pace",
        source=_S3_RATE,
    ),
    Quota(
        name="S3: parts of an upload",
        most=MOST_PARTS,
        unit="",
        raised=False,
        step="StitchVideo",
        used=_parts,
        design="parts grow with the film",
        source=_S3_PARTS,
    ),
    Quota(
        name="S3: bytes of an object",
        most=5 * 1024 * 1024 * MIB,
        unit="bytes",
        raised=False,
        step="StitchVideo",
        used=lambda job: job.film_bytes,
        design="of the film at 0.1 MB a frame; Lambda's 15 minutes come first",
        source=_S3_PARTS,
    ),
    Quota(
        name="SQS: messages in flight",
        most=120_000,
        unit="",
        raised=True,
        step="workers hold one each",
        used=busy,
        design="one message a busy worker, 10,000 at most; twelve such jobs at once",
        source=_SQS,
    ),
    Quota(
        name="SQS: bytes of a message",
        most=256 * KIB,
        unit="bytes",
        raised=False,
        step="RenderChunk, CollectLogs",
        used=lambda _: MESSAGE,
        design="what a state holds; SQS itself takes 1 MiB. A chunk of 1,000 frames with holes is 7 KB more",
        source=_SQS_MESSAGES,
    ),
    Quota(
        name="SQS: invisible from its receipt on",
        most=12 * 3600,
        unit="s",
        raised=False,
        step="a worker renders a chunk",
        used=lambda job: max(map(max, job.sizes)) * job.case.seconds,
        design="a chunk is sized to an hour, or a quarter of its time; a frame that by itself takes longer "
        "than 12 hours loses its worker",
        source=_SQS,
    ),
    Quota(
        name="SQS: age of a message",
        most=10 * DAY,
        unit="s",
        raised=True,
        step="a chunk waits for a worker",
        used=waits,
        design="chunks are sent as others end, not all at once: none waits for a job's whole time. SQS allows 14 days; "
        "the template's 10 are more than the longest `queue_timeout`, 7",
        source=_SQS,
    ),
    Quota(
        name="ours: `queue_timeout`",
        most=QUEUE_TIMEOUT,
        unit="s",
        raised=True,
        step="a chunk waits for a worker",
        used=waits,
        design="where `max_workers` is what the fleet has; otherwise see below",
        source="src/frameloom/model/request.py",
    ),
    Quota(
        name="CloudWatch Logs: PutLogEvents",
        most=5000,
        unit="a second",
        raised=True,
        step="functions log",
        used=_pieces,
        design="Lambda sends what functions say; workers' logs go to S3, and the machine logs its errors alone",
        source=_LOGS,
    ),
    Quota(
        name="EventBridge: PutEvents",
        most=10_000,
        unit="a second",
        raised=True,
        step="AnnounceSuccess",
        used=lambda _: 1,
        design="one a job",
        source=_EVENTS,
    ),
    Quota(
        name="EC2: vCPU of spot, or of on-demand, Standard instances",
        most=5,
        unit="vCPU",
        raised=True,
        step="nodes come",
        used=lambda job: CORES * busy(job),
        design="no farm does: have it raised to 4 a worker, and the node pool's own `limits` of 1,000 with it",
        source=_SPOT,
    ),
    Quota(
        name="VPC: addresses of the private subnets",
        most=SUBNETS,
        unit="",
        raised=False,
        step="nodes come, of one worker each",
        used=lambda job: ADDRESSES * busy(job),
        design="1,444 nodes. Beyond, have nodes hold nine workers (32 vCPU alone in the pool's requirements), and a "
        "NodeClass that hands out single addresses in place of blocks",
        source=_NODE_CLASS,
    ),
    Quota(
        name="Kubernetes: nodes of a cluster",
        most=5000,
        unit="",
        raised=True,
        step="nodes come, of one worker each",
        used=busy,
        design="as above; Auto Mode has no node groups whose bounds would count",
        source=_KUBERNETES,
    ),
    Quota(
        name="Kubernetes: pods of a node",
        most=110,
        unit="",
        raised=False,
        step="nodes come",
        used=lambda _: 9,
        design="a worker asks for 3.5 cores: the pool's largest machines have 32",
        source=_KUBERNETES,
    ),
)
