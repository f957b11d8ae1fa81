"""Two servers of moto for all who compare them: one with the mends, one as it comes."""

from collections.abc import Iterator

import pytest

from tests.conformance.moto_process import Moto


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Moto, Moto]]:
    mended, plain = Moto("mended"), Moto("plain")
    yield mended.ready(), plain.ready()
    mended.close()
    plain.close()


@pytest.fixture
def mended(servers: tuple[Moto, Moto]) -> Moto:
    return servers[0].fresh()


@pytest.fixture
def plain(servers: tuple[Moto, Moto]) -> Moto:
    return servers[1].fresh()
