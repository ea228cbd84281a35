"""A server process of ours ends when we say so, and when we cannot say anything any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import psutil
import pytest

from streams.dev_broker.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

TIMEOUT_S = 10
# Says in its log and through a named pipe that it is up, and waits for ever.
WAITS = """
import signal, sys
print("up", flush=True)
open(sys.argv[1], "w").close()
signal.pause()
"""
# Does not heed SIGTERM.
IS_DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{WAITS}"


@pytest.fixture
def server(tmp_path: Path) -> Generator[ServerProcess]:
    process = ServerProcess(tmp_path / "server.log")
    yield process
    process.kill()


def start(server: ServerProcess, program: str) -> psutil.Process:
    """Start a Python program and return its process when it is up."""
    is_up = server.log.with_name("is_up")
    is_up.unlink(missing_ok=True)
    os.mkfifo(is_up)
    server.start([sys.executable, "-c", program, is_up])
    is_up.read_bytes()
    return psutil.Process(server.pid)


def test_stop_ends_it(server: ServerProcess) -> None:
    process = start(server, WAITS)
    server.stop()
    assert not process.is_running()
    assert not server.running


def test_stop_ends_a_frozen_one(server: ServerProcess) -> None:
    process = start(server, WAITS)
    server.pause()
    server.stop()
    assert not process.is_running()


def test_stop_kills_what_does_not_heed(server: ServerProcess) -> None:
    process = start(server, IS_DEAF)
    server.stop(timeout_s=0.2)
    assert not process.is_running()


def test_pause_freezes_and_resume_thaws(server: ServerProcess) -> None:
    process = start(server, WAITS)
    server.pause()
    assert process.status() == psutil.STATUS_STOPPED
    server.resume()
    assert os.waitid(os.P_PID, process.pid, os.WCONTINUED)


def test_pausing_what_has_ended_does_not_wait(server: ServerProcess) -> None:
    process = start(server, WAITS)
    process.kill()
    server.pause()
    assert not server.running


def test_ctrl_c_in_the_terminal_does_not_reach_it(server: ServerProcess) -> None:
    """The terminal signals our process group; the server is not in it."""
    process = start(server, WAITS)
    assert os.getpgid(process.pid) != os.getpgid(0)


def test_it_can_be_started_again_and_appends_to_its_log(server: ServerProcess) -> None:
    start(server, WAITS)
    server.kill()
    start(server, WAITS)
    assert server.running
    assert server.log_tail() == "up\nup"


def test_stopping_what_never_ran_is_nothing(server: ServerProcess) -> None:
    server.stop()
    assert server.pid == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of the dead")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_does_not_outlive_us(tmp_path: Path, number: signal.Signals) -> None:
    parent = textwrap.dedent(f"""
        import signal
        from pathlib import Path
        from streams.dev_broker.process import ServerProcess

        server = ServerProcess(Path({str(tmp_path / "server.log")!r}))
        server.start(["/bin/sleep", "1000"])
        print(server.pid, flush=True)
        signal.pause()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        server = psutil.Process(int(process.stdout.readline()))
        process.send_signal(number)
        process.wait(TIMEOUT_S)
        _, alive = psutil.wait_procs([server], timeout=TIMEOUT_S)
    assert not alive
