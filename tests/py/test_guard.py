# SPDX-License-Identifier: MIT
"""Guarded memory: stray accesses of C end the process with a report; else it is an allocator."""

import ctypes
import signal
from typing import Any

import pytest

import pointers
from pointers import FreedMemoryError, Guard, allocator, calloc, malloc, report_faults

DYING = """
    import ctypes, faulthandler, sys
    from pointers import *

    {before}
    report_faults()
    guard = Guard(underflow={underflow})
    ptr = guard.malloc(24, align=8)
    address = ptr.address
    {act}
"""

MISTAKES = {
    "past the end": (
        False,
        "ctypes.memset(address, 0, 24); ctypes.memset(address, 0, 25)",
        "1 byte past the end of a live block of 24 bytes",
    ),
    "far past the end": (
        False,
        "ctypes.memset(address + 1000, 0, 1)",
        "977 bytes past the end of a live block of 24 bytes",
    ),
    "reading past the end": (
        False,
        "ctypes.string_at(address, 25)",
        "past the end of a live block of 24 bytes",
    ),
    "before the start": (
        True,
        "ctypes.memset(address, 0, 24); ctypes.memset(address - 1, 0, 1)",
        "1 byte before the start of a live block of 24 bytes",
    ),
    "after free": (
        False,
        "ptr.free(); ctypes.memset(address + 3, 0, 1)",
        "at offset 3 of a freed block of 24 bytes",
    ),
}


@pytest.mark.parametrize("before", ["", "faulthandler.enable()"], ids=["alone", "faulthandler"])
@pytest.mark.parametrize("name", MISTAKES)
def test_a_stray_access_of_c_ends_the_process_with_a_report(
    run_python: Any, name: str, before: str
) -> None:
    underflow, act, message = MISTAKES[name]
    done = run_python(DYING.format(underflow=underflow, act=act, before=before))
    assert done.returncode == -signal.SIGSEGV, (done.returncode, done.stderr)
    line = next(line for line in done.stderr.splitlines() if line.startswith("pointers: "))
    assert line.startswith("pointers: fault at 0x"), done.stderr
    assert message in line, line
    assert line.endswith("(<string>:8)"), line  # the line of guard.malloc()
    assert ("Fatal Python error: Segmentation fault" in done.stderr) == bool(before)


def test_the_checked_api_raises_instead_of_faulting() -> None:
    with Guard() as guard:
        ptr = guard.malloc(28)
        ptr <<= 1
        with pytest.raises(pointers.InvalidSizeError):
            ptr <<= "too long for it"
        with pytest.raises(pointers.InvalidSizeError):
            ptr.write(bytes(29))
        with pytest.raises(IndexError):
            ptr + 29
        assert (~ptr, ptr.capacity, ptr.allocator) == (1, 28, guard)
        ptr.realloc(5000).write(b"x" * 5000)
        ptr.free()
        with pytest.raises(FreedMemoryError):
            ~ptr


def test_a_block_ends_or_starts_at_a_page() -> None:
    with Guard() as guard, Guard(underflow=True) as under:
        for size in (1, 7, 16, 100, 4096, 5000):
            with guard.malloc(size, align=1) as ptr:
                assert (ptr.address + size) % 4096 == 0
            with under.malloc(size) as ptr:
                assert ptr.address % 4096 == 0


def test_overwritten_slack_is_counted() -> None:
    with Guard() as guard:
        ptr = guard.malloc(10, align=16)
        ctypes.memset(ptr.address + 10, 0xAB, 3)
        assert guard.info().damaged_blocks == 0
        ptr.free()
        assert guard.info().damaged_blocks == 1
        assert guard.info().quarantine_blocks == 1


def test_a_guard_is_an_allocator_like_others() -> None:
    guard = Guard(quarantine=0)
    with allocator(guard):
        array = calloc(3, 28)
        ptr = malloc(100, align=4096)
    array[:] = [1, 2, 3]
    assert array.tolist() == [1, 2, 3]
    assert ptr.address % 4096 == 0
    assert guard.stats().current_blocks == 2
    assert guard.stats().current_bytes == 184
    assert repr(guard) == "<Guard allocator, 2 blocks>"
    view = ptr.view()
    with pytest.raises(BufferError):
        guard.close()
    view.release()
    guard.close()
    assert array.freed
    assert ptr.freed
    assert repr(guard) == "<Guard allocator, closed>"
    with pytest.raises(ValueError, match="closed"):
        guard.malloc(1)


@pytest.mark.parametrize("quarantine", [-1, 2**64, "1", 1.5])
def test_a_bad_quarantine_is_refused(quarantine: Any) -> None:
    with pytest.raises((TypeError, ValueError, MemoryError)):
        Guard(quarantine=quarantine)


def test_the_error_names_the_limit_of_mappings(run_python: Any) -> None:
    done = run_python("""
        from pointers import *
        guard = Guard()
        blocks = []
        try:
            while True:
                blocks.append(guard.malloc(1))
        except AllocationError as error:
            assert "vm.max_map_count" in str(error), error
        else:
            raise AssertionError
        assert len(blocks) > 1000
        guard.close()
        assert all(block.freed for block in blocks)
        print("done")
    """)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_full_quarantine_gives_way_to_blocks_of_another_guard(run_python: Any) -> None:
    done = run_python("""
        import sys
        from pointers import *
        first, second = Guard(quarantine=sys.maxsize), Guard(quarantine=sys.maxsize)
        before = -1
        while before < first.info().mappings:  # until the oldest freed blocks are unmapped
            before = first.info().mappings
            for _ in range(1000):
                first.malloc(1).free()
        freed = first.info().quarantine_blocks
        blocks = [second.malloc(1) for _ in range(1000)]
        assert first.info().quarantine_blocks < freed - 900
        second.close()
        print("done")
    """)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.parametrize("file", [-1, 2**31, 999_999])
def test_report_faults_refuses_a_file_that_is_not_open(file: int) -> None:
    with pytest.raises(ValueError, match=str(file)):
        report_faults(file)


def test_reports_go_to_the_file_that_is_given(run_python: Any, tmp_path: Any) -> None:
    path = tmp_path / "report"
    done = run_python(f"""
        import ctypes
        from pointers import *
        report_faults(open({str(path)!r}, "w"))
        ptr = Guard().malloc(8, align=8)
        ctypes.memset(ptr.address + 8, 0, 1)
    """)
    assert done.returncode == -signal.SIGSEGV
    assert "1 byte past the end of a" in path.read_text()
