"""The first signal ends the work; no signal ends the cleanup."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from frameloom.cli.signals import SIGNALS, HungUp, Interrupts


def interrupt(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_raises_keyboard_interrupt(number: signal.Signals) -> None:
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        interrupt(number)


def test_later_signals_do_not_interrupt_the_cleanup() -> None:
    with Interrupts():
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        interrupt()
        interrupt(signal.SIGTERM)


def test_a_later_signal_ends_a_skippable_section_only() -> None:
    reached = []
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        with interrupts.skippable():
            reached.append("skippable")
            interrupt()
            reached.append("skipped")
        interrupt()
        reached.append("after")
    assert reached == ["skippable", "after"]


def test_a_closed_terminal_raises_hung_up_and_skips_nothing() -> None:
    reached = []
    with Interrupts() as interrupts:
        with pytest.raises(HungUp):
            interrupt(signal.SIGHUP)
        with interrupts.skippable():
            interrupt(signal.SIGHUP)
            reached.append("not skipped")
    assert reached == ["not skipped"]


def test_a_command_under_nohup_ignores_the_end_of_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts():
            interrupt(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_surely_returns_the_value_and_closes() -> None:
    events = []

    def work() -> int:
        events.append("work")
        return 7

    with Interrupts() as interrupts:
        assert interrupts.surely(work, lambda: events.append("close")) == 7
    assert events == ["work", "close"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_surely_closes_after_an_error(error: type[BaseException]) -> None:
    closed = []

    def work() -> None:
        raise error

    with Interrupts() as interrupts, pytest.raises(error):
        interrupts.surely(work, lambda: closed.append(True))
    assert closed


def test_closing_is_not_interrupted() -> None:
    events = []

    def close() -> None:
        interrupt()
        interrupt(signal.SIGTERM)
        events.append("closed")

    with Interrupts() as interrupts:
        interrupts.surely(lambda: None, close)
    assert events == ["closed"]


def test_the_earlier_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interrupts():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_another_thread_sets_no_handlers() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def use() -> None:
        with Interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.parametrize("words", [["status"], ["status", "--json"]])
def test_an_interrupt_during_imports_prints_one_sentence(words: list[str]) -> None:
    interrupted = """
import os, signal, sys
# A shell's background job starts with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
class Interrupting:
    def find_spec(self, name, *more):
        if name == "frameloom.cli.app":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["frameloom", *sys.argv[1:]]
from frameloom.__main__ import main
main()
"""
    ran = subprocess.run([sys.executable, "-c", interrupted, *words], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (130, "frameloom: Interrupted.\n")
    assert not ran.stdout or json.loads(ran.stdout) == {"error": "Canceled", "cause": "Interrupted."}
    assert bool(ran.stdout) == ("--json" in words)
