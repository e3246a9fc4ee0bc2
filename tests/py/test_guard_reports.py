# SPDX-License-Identifier: MIT
"""Reports of guarded memory go to a copy of a descriptor, and never block the program for long."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from pointers import report_faults

PRELUDE = """
    import ctypes, fcntl, os, pty, signal, socket, subprocess, sys
    from pointers import *

    guard = Guard(quarantine=0)
    def damage(count=1):
        for _ in range(count):
            ptr = guard.malloc(10, align=16)
            ctypes.memset(ptr.address + 10, 0xAB, 1)
            ptr.free()
    def fault():
        ctypes.memset(guard.malloc(16).address + 16, 0, 1)
    def open_files():
        return sorted(os.listdir("/proc/self/fd"))
"""

LINE = b"pointers: overwritten: 1 byte past the end of a block of 10 bytes at 0x"


def run(run_python: Any, code: str, *, code_expected: int = 0, timeout: float = 60) -> str:
    done = run_python(PRELUDE + code, timeout=timeout)
    assert done.returncode == code_expected, (done.returncode, done.stderr)
    out: str = done.stdout
    return out


FULL = {
    "pipe": "r, w = os.pipe()",
    "non-blocking pipe": "r, w = os.pipe(); os.set_blocking(w, False)",
    "socket": "a, b = socket.socketpair(); r, w = a.fileno(), b.fileno()",
    "datagrams": "a, b = socket.socketpair(type=socket.SOCK_DGRAM); r, w = a.fileno(), b.fileno()",
    "terminal": "r, w = pty.openpty()",
    "named pipe": "os.mkfifo('fifo'); r = os.open('fifo', os.O_RDONLY | os.O_NONBLOCK);"
    " w = os.open('fifo', os.O_WRONLY); os.set_blocking(r, True)",
}


@pytest.mark.parametrize("name", FULL)
def test_reports_that_nobody_reads_do_not_block_the_program(run_python: Any, name: str) -> None:
    if name == "terminal":
        try:
            for fd in os.openpty():
                os.close(fd)
        except OSError:
            pytest.skip("there are no terminals here")
    # The reader may be a thread of this process, which waits for the lock that free() holds
    out = run(
        run_python,
        f"""
    {FULL[name]}
    before = fcntl.fcntl(w, fcntl.F_GETFL)
    report_faults(w)
    damage(5000)
    assert guard.info().damaged_blocks == 5000
    assert fcntl.fcntl(w, fcntl.F_GETFL) == before, "the program's own flags have changed"
    os.write(sys.stdout.fileno(), os.read(r, 70))
    """,
    )
    assert out.encode().startswith(LINE[:60])


def test_a_fault_whose_report_nobody_reads_ends_the_process(run_python: Any) -> None:
    run(
        run_python,
        """
    r, w = os.pipe()
    report_faults(w)
    damage(5000)
    fault()
    """,
        code_expected=-signal.SIGSEGV,
    )


def test_reports_are_whole_lines(run_python: Any) -> None:
    """Each is there if it is read in time; what does not fit leaves no part of a line."""
    run(
        run_python,
        f"""
    sockets = [s.detach() for s in socket.socketpair()]
    for r, w in (os.pipe(), sockets):
        report_faults(w)
        def lines_of(data):
            lines = data.splitlines(keepends=True)
            assert all(line.startswith({LINE!r}) and line.endswith(b")\\n") for line in lines)
            return len(lines)
        def read_lines(count):
            data = b""
            while data.count(b"\\n") < count:
                data += os.read(r, 1000)
            return lines_of(data)
        def read_all():
            data = b""
            os.set_blocking(r, False)
            try:
                while True:
                    data += os.read(r, 1000)
            except BlockingIOError:
                os.set_blocking(r, True)
                return data
        for _ in range(20):
            damage(20)  # the smallest pipe, one page, has room for these
            assert read_lines(20) == 20
        damage(5000)  # more than any has room for
        assert 20 <= lines_of(read_all()) < 5000
        damage(3)
        assert read_lines(3) == 3
    """,
    )


def test_reports_go_on_after_the_file_is_closed(run_python: Any, tmp_path: Path) -> None:
    run(
        run_python,
        """
    file = open("report", "w")
    report_faults(file)
    file.close()
    other = open("other", "w")
    damage()
    fault()
    """,
        code_expected=-signal.SIGSEGV,
    )
    lines = (tmp_path / "report").read_bytes().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(LINE)
    assert b"fault at" in lines[1]
    assert (tmp_path / "other").read_bytes() == b""


def test_a_program_that_closes_all_descriptors_gets_no_reports_in_its_files(
    run_python: Any, tmp_path: Path
) -> None:
    run(
        run_python,
        """
    report_faults(os.open("report", os.O_WRONLY | os.O_CREAT))
    os.closerange(3, 256)
    others = [open(f"other{i}", "w") for i in range(20)]
    damage()
    # The next call does not close the program's file that has the copy's number now
    report_faults(os.open("again", os.O_WRONLY | os.O_CREAT))
    damage()
    for file in others:
        file.write("x")
        file.close()
    """,
    )
    assert (tmp_path / "report").read_bytes() == b""
    assert (tmp_path / "again").read_bytes().startswith(LINE)
    assert {(tmp_path / f"other{i}").read_bytes() for i in range(20)} == {b"x"}


def test_report_faults_keeps_one_descriptor_open(run_python: Any) -> None:
    run(
        run_python,
        """
    with open("first", "w") as file:
        report_faults(file)
    before = open_files()
    for name in "abc" * 20:
        with open(name, "w") as file:
            report_faults(file)
        r, w = os.pipe()
        report_faults(w)
        os.close(r), os.close(w)
    report_faults(sys.stderr)
    assert open_files() == before, (open_files(), before)
    # A child program does not inherit the descriptor
    code = "import os; print(len(os.listdir('/proc/self/fd')))"
    out = subprocess.check_output([sys.executable, "-c", code], close_fds=False)
    assert int(out) <= 4, out
    """,
    )


def test_a_closed_reading_end_does_not_end_the_program(run_python: Any) -> None:
    run(
        run_python,
        """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for pair in (os.pipe(), [s.detach() for s in socket.socketpair()]):
        report_faults(pair[1])
        os.close(pair[0])
        damage(10)
    """,
    )


def test_a_forked_child_reports_to_the_same_file(run_python: Any, tmp_path: Path) -> None:
    run(
        run_python,
        """
    with open("report", "w") as file:
        report_faults(file)
    child = os.fork()
    if not child:
        damage()
        fault()
    assert os.waitpid(child, 0)[1] & 127 == signal.SIGSEGV
    damage()
    """,
    )
    lines = (tmp_path / "report").read_bytes().splitlines()
    assert [b"fault at" in line for line in lines] == [False, True, False]


def test_report_faults_refuses_a_file_that_cannot_be_written() -> None:
    read, write = os.pipe()
    try:
        with pytest.raises(ValueError, match="written to"):
            report_faults(read)
    finally:
        os.close(read)
        os.close(write)
    for closed in (read, write, -1, 2**31):
        with pytest.raises(ValueError, match=str(closed)):
            report_faults(closed)
    with pytest.raises(ValueError, match="written to"), Path(__file__).open("rb") as file:
        report_faults(file)
