"""A stack is prepared for its first job; each canary runs unpatched moto."""

import subprocess
import sys

import boto3
import pytest
from moto.core.routing import get_service_router

from tests.conformance.moto_farm import deploy


@pytest.mark.canary("first_calls._share_loader")
def test_canary_each_service_has_its_own_loader() -> None:
    program = "from moto.core.utils import create_loader; print(create_loader() is create_loader())"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


@pytest.mark.canary("first_calls._prepare_created_stack")
@pytest.mark.usefixtures("plain_moto")
def test_canary_the_first_call_to_a_service_after_a_stack_is_created_reads_its_description() -> None:
    get_service_router.cache_clear()
    deploy(boto3.client("cloudformation"), {"B": {"Type": "AWS::S3::Bucket"}})
    before = get_service_router.cache_info().misses
    get_service_router("s3")
    assert get_service_router.cache_info().misses == before + 1
