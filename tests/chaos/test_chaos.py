"""A short chaos run; `make chaos SEED=n MINUTES=m` runs longer."""

from frameloom.model.job_status import JobStatus
from tests.chaos.__main__ import describe
from tests.chaos.run import Chaos

SEED, SECONDS = 7, 25


def test_a_disturbed_farm_ends_every_job_and_loses_nothing() -> None:
    result = Chaos(SEED).run(SECONDS)
    report = describe(result)
    print(report)
    assert not result.broken, report
    # The run did disturb the farm.
    assert sum(job.status is JobStatus.SUCCEEDED for job in result.jobs) >= 2, report
    assert len(result.ledger.kinds()) >= 12, report
