"""All Lambda functions: their folders, and their imports."""

import os
import subprocess
import sys

from tests.integration.handlers.calls import FUNCTIONS

NAMES = sorted(path.parent.name for path in FUNCTIONS.glob("*/app.py"))


def test_each_folder_of_functions_has_one_handler() -> None:
    assert [
        *("collect_logs", "encode_segment", "fail_lost_chunk", "log_job", "plan_chunks"),
        *("prepare_job", "stitch_video", "submit_job", "verify_frames"),
    ] == NAMES


def test_importing_a_function_reads_no_environment_and_makes_no_client() -> None:
    """In a process without a region, names of buckets, or credentials."""
    program = """
import importlib.util, sys
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("app", path)
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    assert callable(app.handler), path
import boto3
from frameloom.aws import clients, lambda_env
assert boto3.DEFAULT_SESSION is None, "a client was made"
for cached in (clients.client, lambda_env.store, lambda_env.buckets, lambda_env.executions, lambda_env.tokens):
    assert cached.cache_info().currsize == 0, cached
"""
    paths = [str(FUNCTIONS / name / "app.py") for name in NAMES]
    bare = {"PATH": os.environ["PATH"], "HOME": os.devnull}
    ended = subprocess.run(
        [sys.executable, "-c", program, *paths], env=bare, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
