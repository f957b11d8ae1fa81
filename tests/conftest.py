"""What all tests share: no test can reach a real account, and none sees what another has left in a cache."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

from frameloom.aws import clients, wiring

# A machine that is busy with Blender makes an example slow, not wrong.
hypothesis.settings.register_profile("frameloom", deadline=None, max_examples=60)
hypothesis.settings.load_profile("frameloom")

NOBODY = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    # A developer's own profiles, endpoints and credentials are in these.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@pytest.fixture(scope="session", autouse=True)
def no_account() -> Iterator[None]:
    """Take away every way to an account, for the whole run and all processes that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in NOBODY.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(autouse=True)
def fresh_clients() -> None:
    """Forget the clients and the wiring of the test before."""
    for cached in (clients.client, wiring.store, wiring.buckets, wiring.executions, wiring.tokens):
        cached.cache_clear()
