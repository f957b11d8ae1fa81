"""Setup for all tests, which isolates them from real accounts, the user's shell and the caches of other tests."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from frameloom.aws import clients, lambda_env
from frameloom.services.system.installed_blenders import InstalledBlender, installed_blenders
from tests.blender_folder import added_blenders, second_blender

# A machine that is busy with Blender makes an example slow, not wrong.
hypothesis.settings.register_profile("frameloom", deadline=None, max_examples=60)
hypothesis.settings.load_profile("frameloom")

# Variables of a user's shell that change results or output. Two of Python's variables stay: they only set where
# bytecode is cached, and so affect only the run time.
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

# The folders below tests/ in which coverage is measured.
MEASURED = {"unit"}
# The folder whose tests share one farm.
SHARED = "tests/e2e/"
COVERAGE: pytest.StashKey[Any] = pytest.StashKey()
MEASURING: pytest.StashKey[bool] = pytest.StashKey()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Run the tests of a file on one core, and all end-to-end tests, since these share a farm and check its calls."""
    return FilesAndFarms(config, log)


class FilesAndFarms(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types here
    """Distributes whole files, and the folder of the end-to-end tests."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return SHARED if file.startswith(SHARED) else file


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Take over the measurement of pytest-cov; None without `--cov`."""
    if "coverage" in sys.modules:
        session.config.stash[COVERAGE] = sys.modules["coverage"].Coverage.current()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Measure coverage only where it is cheap: in unit tests, but not in property tests.

    With Python 3.11, measured code takes half as long again. A property test runs the same lines for each example, and
    integration tests run most of the code in other processes.
    """
    coverage, stash = item.config.stash.get(COVERAGE, None), item.config.stash
    if coverage is not None and is_measured(item) != stash.get(MEASURING, True):
        stash[MEASURING] = is_measured(item)
        (coverage.start if stash[MEASURING] else coverage.stop)()


def is_measured(item: pytest.Item) -> bool:
    """Report whether coverage is measured in a test."""
    folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    return folder in MEASURED and item.get_closest_marker("hypothesis") is None


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Remove credentials and a user's shell variables, for the run and all processes that it starts.

    This runs before any test is imported, since libraries read some variables at import. It runs after pytest's own
    plugins, so that pytest's output keeps the user's colours.
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
    # The environment's own Blender is the only one, except in tests that ask for `two_blenders`.
    patch.setenv("FRAMELOOM_BLENDERS", f"{home.name}/blenders")


@pytest.fixture(autouse=True)
def fresh_clients() -> None:
    """Forget the clients and the wiring of the test before."""
    for cached in (clients.client, lambda_env.store, lambda_env.buckets, lambda_env.executions, lambda_env.tokens):
        cached.cache_clear()


@pytest.fixture(scope="session")
def blender_5() -> InstalledBlender:
    """Blender 5.0, beside the environment's 4.5: its full version, and the folder to put into PYTHONPATH.

    The first test of a checkout that asks for it installs it by `frameloom blender add`, which downloads 373 MB.
    """
    return second_blender()


@pytest.fixture
def two_blenders(blender_5: InstalledBlender) -> Iterator[tuple[str, ...]]:
    """Give this process, and the farms and workers that it starts, 4.5 and 5.0; return their full versions.

    A fixture of another scope asks for `blender_5` and uses `tests.blender_folder.added_blenders`.
    """
    del blender_5
    with added_blenders():
        yield tuple(each.version for each in installed_blenders())
