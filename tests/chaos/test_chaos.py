"""A short run of chaos; `make chaos SEED=n MINUTES=m` is the same for longer."""

from frameloom.model.job_status import JobStatus
from tests.chaos.__main__ import describe
from tests.chaos.run import Chaos

SEED, SECONDS = 7, 25


def test_a_disturbed_farm_ends_every_job_and_loses_nothing() -> None:
    result = Chaos(SEED).run(SECONDS)
    told = describe(result)
    print(told)
    assert not result.broken, told
    # And it was a run worth its name.
    assert sum(job.status is JobStatus.SUCCEEDED for job in result.jobs) >= 2, told
    assert len(result.ledger.kinds()) >= 12, told
