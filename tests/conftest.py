"""What all tests share: none reaches a real account, or sees a user's shell or what another has left in a cache."""

import os
import re
import tempfile

import hypothesis
import pytest

from frameloom.aws import clients, wiring

# A machine that is busy with Blender makes an example slow, not wrong.
hypothesis.settings.register_profile("frameloom", deadline=None, max_examples=60)
hypothesis.settings.load_profile("frameloom")

# What a user's shell may hold that changes what is tested, or how it is printed. Of Python's own variables two stay:
# they say where bytecode goes, and cost or save time alone.
SHELLS_OWN = re.compile(
    r"AWS_|FRAMELOOM_(?!TEST_)|BLENDER|CYCLES_|OCIO|MOTO_|POWERTOOLS_|XDG_|KUBECONFIG|MPL|PYTHON(?!DONTWRITE|PYCACHE)"
    r"|(NO_COLOR|FORCE_COLOR|CLICOLOR|CLICOLOR_FORCE|PY_COLORS|TERM|COLORTERM|COLUMNS|LINES|TTY_\w+|CI|GITHUB_\w+|PAGER)$"
    r"|(CHUNK_QUEUE_URL|LOG_QUEUE_URL|LOG_BUCKET|WORKER_NAME|SCRATCH_DIR|HEALTH_FILE|LEASE_SECONDS|IDLE_EXIT_SECONDS)$"
)
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


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take away every way to an account and all that a user's shell holds, for the run and all that it starts.

    Before any test is imported: libraries read some of it as they are. After pytest's own plugins, whose colours are
    the user's.
    """
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    for name in filter(SHELLS_OWN.match, list(os.environ)):
        patch.delenv(name)
    for name, value in NOBODY.items():
        patch.setenv(name, value)
    home = tempfile.TemporaryDirectory(prefix="frameloom-tests-")
    config.add_cleanup(home.cleanup)
    patch.setenv("FRAMELOOM_HOME", home.name)


@pytest.fixture(autouse=True)
def fresh_clients() -> None:
    """Forget the clients and the wiring of the test before."""
    for cached in (clients.client, wiring.store, wiring.buckets, wiring.executions, wiring.tokens):
        cached.cache_clear()
