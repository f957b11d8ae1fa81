"""moto for the tests of its patches: unpatched in this process, in two servers, and as a small farm.

Each fixture of a server lives as long as this package's tests, since a start takes a second.
"""

from collections.abc import Iterator

import pytest
from moto import mock_aws, settings

from frameloom.local.local_farm import LocalFarm
from tests.conformance.moto_farm import REGION
from tests.conformance.moto_process import Moto
from tests.small_farm import MINI_FARM


@pytest.fixture(scope="package")
def servers() -> Iterator[tuple[Moto, Moto]]:
    patched, plain = Moto("patched"), Moto("plain")
    yield patched.ready(), plain.ready()
    patched.close()
    plain.close()


@pytest.fixture
def patched(servers: tuple[Moto, Moto]) -> Moto:
    return servers[0].fresh()


@pytest.fixture
def plain(servers: tuple[Moto, Moto]) -> Moto:
    return servers[1].fresh()


@pytest.fixture
def plain_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("VALIDATE_LAMBDA_S3", "false")
    # In a container, moto would ask docker for this machine's address.
    monkeypatch.setattr(settings, "is_docker", lambda: False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_REGION", REGION)
    with mock_aws():
        yield


@pytest.fixture(scope="package")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFarm]:
    with LocalFarm(workers=0, root=MINI_FARM, work_dir=tmp_path_factory.mktemp("farm")) as farm:
        yield farm
