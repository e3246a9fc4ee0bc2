# SPDX-License-Identifier: MIT
"""A large block uses no physical memory until its pages are written."""

import platform
import sys
from pathlib import Path
from typing import Any

import pytest
from _sanitized import ADDRESS_SANITIZER

pytestmark = [
    pytest.mark.skipif(
        not Path("/proc/self/statm").exists(), reason="no /proc to tell how much memory is used"
    ),
    pytest.mark.skipif(
        ADDRESS_SANITIZER or sys.maxsize < 2**32,
        reason="AddressSanitizer touches all pages; 32 bits are too few for these sizes",
    ),
]

ALLOCATORS = ["System()", "Guard()"]
if platform.libc_ver()[0] == "glibc":
    ALLOCATORS.append("load_allocator('libc.so.6')")

RESIDENT = """
    import resource
    from pointers import *

    def resident():
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()

    before = resident()
    def check():
        assert resident() - before < 32 << 20, resident() - before
"""


@pytest.mark.parametrize("align", [16, 64, 4096, 2 << 20])
@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_pages_that_were_never_written_use_no_memory(
    run_python: Any, allocator: str, align: int
) -> None:
    done = run_python(
        RESIDENT
        + f"""
    ptr = malloc(512 << 20, align={align}, allocator={allocator})
    check()
    assert ptr.read(4) == bytes(4) and ptr.alignment == {align}
    ptr <<= 2.5
    realloc(ptr, 1000)
    assert ~ptr == 2.5
    realloc(ptr, 512 << 20)
    check()
    assert ~ptr == 2.5 and ptr.address % {align} == 0
    (ptr + 1000).move("behind")
    assert ~(ptr + 1000) == "behind" and (ptr + 2000).read(8) == bytes(8)
    free(ptr)
    check()
    """,
        MALLOC_PERTURB_="0",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("align", [64, 4096, 2 << 20])
def test_aligned_blocks_grow_without_a_copy(run_python: Any, align: int) -> None:
    done = run_python(
        RESIDENT
        + f"""
    ptr = malloc(256 << 20, align={align})
    (ptr + 1000).move("here")
    realloc(ptr, 1 << 30)
    check()
    assert ~(ptr + 1000) == "here" and ptr.address % {align} == 0
    realloc(ptr, 256 << 20)
    check()
    free(ptr)
    """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
