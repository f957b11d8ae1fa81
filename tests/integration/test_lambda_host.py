"""Functions run as in AWS Lambda."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from frameloom.local.lambda_host import LambdaHost
from frameloom.local.lambda_runtime import Answer, Function
from tests.small_farm import gone, wait_until

SLEEPS = """
import os, time
def handler(event, context):
    open(event['file'], 'w').write(str(os.getpid()))
    time.sleep(600)
"""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[LambdaHost]:
    host = LambdaHost(environment={"AWS_REGION": "eu-west-1"}, log=tmp_path / "log", runtimes_per_function=2)
    yield host
    host.close()


def function(tmp_path: Path, code: str, *, handler: str = "app.handler", **settings: Any) -> Function:
    """Return a function whose module is `code`."""
    folder = tmp_path / "code"
    folder.mkdir(exist_ok=True)
    (folder / "app.py").write_text(code)
    defaults = {"layers": (), "environment": (), "timeout": 20, "memory_mb": 256, "runtime": "python3.13"}
    arns = {"arn": "arn:aws:lambda:eu-west-1:123456789012:function:f", "role": "arn:aws:iam::123456789012:role/f-role"}
    return Function(**{"name": "f", **arns, "code": folder, "handler": handler, **defaults, **settings})


def value(answer: Answer) -> Any:
    assert not answer.failed, answer.payload
    return json.loads(answer.payload)


def error(answer: Answer) -> dict[str, Any]:
    assert answer.failed, answer.payload
    description: dict[str, Any] = json.loads(answer.payload)
    return description


def test_a_handler_gets_its_event_and_a_context(host: LambdaHost, tmp_path: Path) -> None:
    code = """
def handler(event, context):
    return [event, context.function_name, context.memory_limit_in_mb, context.invoked_function_arn,
            len(context.aws_request_id), context.get_remaining_time_in_millis()]
"""
    event = {"frames": [1, -2], "name": "Bällchen"}
    *rest, left = value(host.invoke(function(tmp_path, code), json.dumps(event)))
    assert rest == [event, "f", "256", "arn:aws:lambda:eu-west-1:123456789012:function:f", 36]
    assert 10_000 < left <= 20_000


def test_a_function_signs_its_calls_as_its_role(host: LambdaHost, tmp_path: Path) -> None:
    code = "import os\ndef handler(event, context): return os.environ['AWS_ACCESS_KEY_ID']"
    assert value(host.invoke(function(tmp_path, code), "{}")) == "f-role"


def test_a_function_stays_warm(host: LambdaHost, tmp_path: Path) -> None:
    code = (
        "import os\ncalls = []\ndef handler(event, context):\n    calls.append(1)\n    return [os.getpid(), len(calls)]"
    )
    warm = function(tmp_path, code)
    (first, calls), (second, more_calls) = value(host.invoke(warm, "{}")), value(host.invoke(warm, "{}"))
    assert (first, calls, more_calls) == (second, 1, 2)
    assert first != os.getpid()


def test_a_started_function_has_one_process_for_its_calls(host: LambdaHost, tmp_path: Path) -> None:
    code = "import os\nopen(f'imported-by-{os.getpid()}', 'w')\ndef handler(event, context):\n    return os.getpid()"
    early = function(tmp_path, code)
    host.start(early)
    host.start(early)
    wait_until(lambda: imported_by(early), "its module is imported")
    assert value(host.invoke(early, "{}")) == value(host.invoke(early, "{}"))
    host.start(early)
    assert imported_by(early) == [value(host.invoke(early, "{}"))]


def imported_by(function: Function) -> list[int]:
    return [int(file.name.rpartition("-")[2]) for file in function.code.glob("imported-by-*")]


def test_concurrent_invocations_run_in_their_own_processes_up_to_a_limit(host: LambdaHost, tmp_path: Path) -> None:
    code = "import os, time\ndef handler(event, context):\n    time.sleep(0.5)\n    return os.getpid()"
    slow = function(tmp_path, code)
    with ThreadPoolExecutor(4) as pool:
        processes = list(pool.map(lambda _: value(host.invoke(slow, "{}")), range(4)))
    assert len(set(processes)) == 2, "the third and the fourth wait for one of the first two"


def test_a_function_has_its_own_variables_and_none_of_this_machine(
    host: LambdaHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THIS_MACHINE", "1")
    monkeypatch.setenv("AWS_PROFILE", "production")
    code = "import os\ndef handler(event, context):\n    return dict(os.environ)"
    seen = value(host.invoke(function(tmp_path, code, environment=(("MINE", "2"),)), "{}"))
    assert seen["MINE"] == "2"
    assert seen["AWS_REGION"] == "eu-west-1"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert "OF_THIS_MACHINE" not in seen
    assert "AWS_PROFILE" not in seen


def test_a_new_configuration_takes_new_processes(host: LambdaHost, tmp_path: Path) -> None:
    code = "import os\ndef handler(event, context):\n    return [os.getpid(), os.environ['LEVEL']]"
    before, level = value(host.invoke(function(tmp_path, code, environment=(("LEVEL", "1"),)), "{}"))
    after, new_level = value(host.invoke(function(tmp_path, code, environment=(("LEVEL", "2"),)), "{}"))
    assert (level, new_level) == ("1", "2")
    assert before != after
    wait_until(lambda: gone(before), "the old runtime ends")


def test_a_layer_s_modules_can_be_imported(host: LambdaHost, tmp_path: Path) -> None:
    (tmp_path / "layer" / "python").mkdir(parents=True)
    (tmp_path / "layer" / "python" / "of_the_layer.py").write_text("ANSWER = 42")
    code = "from of_the_layer import ANSWER\ndef handler(event, context):\n    return ANSWER"
    layered = function(tmp_path, code, layers=(tmp_path / "layer" / "python",))
    assert value(host.invoke(layered, "{}")) == 42


def test_an_exception_of_a_handler_is_an_error_with_its_name_and_trace(host: LambdaHost, tmp_path: Path) -> None:
    code = """
class NoCamera(Exception): pass
def handler(event, context):
    raise NoCamera('scene 1')
"""
    described = error(host.invoke(function(tmp_path, code), "{}"))
    assert (described["errorType"], described["errorMessage"]) == ("NoCamera", "scene 1")
    assert len(described["stackTrace"]) == 1
    assert "in handler" in described["stackTrace"][0]


def test_a_function_that_exceeds_its_timeout_is_killed_and_the_next_call_gets_a_new_process(
    host: LambdaHost, tmp_path: Path
) -> None:
    code = """
import os, subprocess, sys, time
def handler(event, context):
    if 'file' in event:
        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
        open(event['file'], 'w').write(str(child.pid))
        time.sleep(600)
    return 'fresh'
"""
    slow, file = function(tmp_path, code, timeout=1), tmp_path / "child"
    described = error(host.invoke(slow, json.dumps({"file": str(file)})))
    assert described["errorType"] == "Sandbox.Timedout"
    assert described["errorMessage"].endswith("Task timed out after 1.00 seconds")
    wait_until(lambda: gone(int(file.read_text())), "the child of the function ends with it")
    assert value(host.invoke(slow, "{}")) == "fresh"


@pytest.mark.parametrize(
    ("statement", "how"),
    [
        ("os._exit(3)", "exit status 3"),
        ("os.kill(os.getpid(), 9)", "signal: killed"),
        ("sys.exit(4)", "exit status 4"),
    ],
)
def test_a_function_that_dies_is_an_error(host: LambdaHost, tmp_path: Path, statement: str, how: str) -> None:
    dying = function(tmp_path, f"import os, sys\ndef handler(event, context):\n    {statement}")
    described = error(host.invoke(dying, "{}"))
    assert described["errorType"] == "Runtime.ExitError"
    assert described["errorMessage"].endswith(f"Error: Runtime exited with error: {how}")


@pytest.mark.parametrize(
    ("code", "handler", "kind"),
    [
        ("import not_there", "app.handler", "Runtime.ImportModuleError"),
        ("", "app.handler", "Runtime.HandlerNotFound"),
        ("", "nowhere.handler", "Runtime.ImportModuleError"),
        ("def handler(event, context):\n    return {1, 2}", "app.handler", "Runtime.MarshalError"),
        ("def handler(event, context):\n    return 'x' * 7_000_000", "app.handler", "Function.ResponseSizeTooLarge"),
        ("raise KeyError('at import')", "app.handler", "KeyError"),
        ("def handler(event, context:\n", "app.handler", "Runtime.UserCodeSyntaxError"),
    ],
)
def test_a_broken_function_is_an_error_with_the_name_of_lambda(
    host: LambdaHost, tmp_path: Path, code: str, handler: str, kind: str
) -> None:
    broken = function(tmp_path, code, handler=handler)
    assert error(host.invoke(broken, "{}"))["errorType"] == kind
    assert error(host.invoke(broken, "{}"))["errorType"] == kind, "also on the second call"


def test_the_output_and_log_of_functions_is_in_the_log_once(host: LambdaHost, tmp_path: Path) -> None:
    code = """
import logging, sys
from aws_lambda_powertools import Logger
logger = Logger(service='s')
def handler(event, context):
    print('printed'); print('to stderr', file=sys.stderr)
    logging.warning('warned'); logger.info('structured')
"""
    value(host.invoke(function(tmp_path, code), "{}"))
    log = (tmp_path / "log").read_text()
    for words in ("printed", "to stderr", "warned", '"message":"structured"'):
        assert log.count(words) == 1, log


def test_the_imports_of_handlers_run_before_the_calls_and_no_other_statement(
    tmp_path: Path,
) -> None:
    code = """
import colorsys
from html import parser as the_parser
import own_module, not_there_at_all
from not_there_either import thing
import json.no_such_part
import chunk_of_the_layer
open('proof', 'w').write('the module was run')
def handler(event, context): pass
"""
    function(tmp_path, code)
    (tmp_path / "code" / "own_module.py").write_text("")
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "chunk_of_the_layer.py").write_text("")
    plan = {"handlers": [str(tmp_path / "code" / "app.py"), str(tmp_path / "no" / "app.py")]}
    program = f"""
import sys
from frameloom.local import lambda_preload
lambda_preload.warm({plan | {"layers": [str(tmp_path / "layer")]}!r})
names = 'colorsys', 'html.parser', 'own_module', 'chunk_of_the_layer', 'boto3'
print([name for name in names if name in sys.modules])
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "['colorsys', 'html.parser', 'chunk_of_the_layer']"
    assert "no_such_part" in ended.stderr, "a failed import is reported"
    assert not (tmp_path / "proof").exists()


def test_closing_ends_running_functions(tmp_path: Path) -> None:
    host = LambdaHost(environment={}, log=tmp_path / "log")
    file, answers = tmp_path / "pid", []
    running = function(tmp_path, SLEEPS, timeout=600)
    call = threading.Thread(target=lambda: answers.append(host.invoke(running, json.dumps({"file": str(file)}))))
    call.start()
    wait_until(lambda: file.exists() and file.read_text(), "the function runs")
    host.close()
    call.join(10)
    assert error(answers[0])["errorType"] == "Runtime.ExitError"
    wait_until(lambda: gone(int(file.read_text())), "its process ends")


def test_a_function_ends_with_a_host_that_is_killed(tmp_path: Path) -> None:
    running, file = function(tmp_path, SLEEPS, timeout=600), tmp_path / "pid"
    (tmp_path / "host_program.py").write_text(
        f"""
from pathlib import Path, PosixPath
from frameloom.local.lambda_host import LambdaHost
from frameloom.local.lambda_runtime import Function
if __name__ == "__main__":
    LambdaHost(environment={{}}, log=Path("log")).invoke({running!r}, '{{"file": "{file}"}}')
"""
    )
    program = subprocess.Popen([sys.executable, "host_program.py"], cwd=tmp_path)
    try:
        wait_until(lambda: file.exists() and file.read_text(), "the function runs")
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
    wait_until(lambda: gone(int(file.read_text())), "the function ends")
