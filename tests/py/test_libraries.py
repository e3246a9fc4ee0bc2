# SPDX-License-Identifier: MIT
"""Allocators of real libraries, in processes of their own: some replace the process's malloc."""

import os
from typing import Any

import pytest

LIBRARIES = {
    "libc.so.6": "",
    "libmimalloc.so.2": "mi_",
    "libtcmalloc_minimal.so.4": "",
    "libjemalloc.so.2": "",
}

# Debian's jemalloc needs more static TLS than glibc keeps for libraries that are loaded later
ROOM = {"GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=16384"}


@pytest.mark.parametrize("name", LIBRARIES)
def test_blocks_of_libraries_work_and_die_with_the_allocator(run_python: Any, name: str) -> None:
    done = run_python(
        f"""
        import sys
        from pointers import *
        try:
            load_allocator({name!r}, {LIBRARIES[name]!r})
        except LibraryError as error:
            sys.exit(f"missing: {{error}}")
        with load_allocator({name!r}, {LIBRARIES[name]!r}) as foreign:
            kept = [foreign.malloc(n, align=a) for n in (0, 1, 28, 5000) for a in (1, 16, 4096)]
            for ptr in kept[6:]:
                ptr <<= 1
            assert all(~ptr.realloc(9000) == 1 for ptr in kept[6:])
            assert foreign.stats().current_blocks == 12
            kept.pop(0).free()
        assert all(ptr.freed for ptr in kept)
        assert foreign.stats().current_blocks == 0
        print("done")
        """,
        **ROOM,
    )
    if done.stderr.startswith("missing: "):
        pytest.skip(done.stderr)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.parametrize("preloaded", [False, True])
@pytest.mark.parametrize("name", LIBRARIES)
def test_small_blocks_of_libraries_are_aligned(run_python: Any, name: str, preloaded: bool) -> None:
    # The libraries align blocks of 8 bytes to 8: enough for C, but less than is promised here
    environment = {"LD_PRELOAD": name} if preloaded else ROOM
    done = run_python(
        f"""
        import contextlib, sys
        from pointers import *
        try:
            load_allocator({name!r}, {LIBRARIES[name]!r})
        except LibraryError as error:
            sys.exit(f"missing: {{error}}")
        with contextlib.ExitStack() as stack:
            if {preloaded}:
                source = System()
            else:
                source = stack.enter_context(load_allocator({name!r}, {LIBRARIES[name]!r}))
            made = [source.malloc(n) for n in (0, 1, 7, 8) for _ in range(20)]
            made += [source.calloc(n, 1) for n in (1, 8) for _ in range(20)]
            moved = [source.malloc(100).realloc(n) for n in (1, 8) for _ in range(20)]
            assert all(not p.address % p.alignment for p in made + moved), made + moved
            for ptr in made + moved:
                ptr.free()
        print("done")
        """,
        **environment,
    )
    if done.stderr.startswith("missing: ") or "cannot be preloaded" in done.stderr:
        pytest.skip(done.stderr)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_the_error_of_a_library_without_static_tls_names_settings_that_help(
    run_python: Any,
) -> None:
    code = """
        from pointers import *
        try:
            with load_allocator("libjemalloc.so.2") as foreign:
                foreign.malloc(28).free()
        except LibraryError as error:
            assert isinstance(error, OSError)
            print(error)
        else:
            print("loaded")
    """
    told = run_python(code, GLIBC_TUNABLES="")
    if "static TLS" not in told.stdout:
        pytest.skip(told.stdout or told.stderr)
    assert "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384" in told.stdout
    assert "LD_PRELOAD" in told.stdout
    # Both settings that the message names help
    assert run_python(code, **ROOM).stdout == "loaded\n"
    assert run_python(code, LD_PRELOAD="libjemalloc.so.2").stdout == "loaded\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("name", LIBRARIES)
def test_a_fork_while_threads_allocate_leaves_the_child_a_working_allocator(
    run_python: Any, name: str
) -> None:
    """Some libraries take locks of their own before a fork."""
    done = run_python(
        f"""
        import os, sys, threading
        from pointers import *
        try:
            foreign = load_allocator({name!r}, {LIBRARIES[name]!r})
        except LibraryError as error:
            sys.exit(f"missing: {{error}}")
        stop = threading.Event()

        def work():
            while not stop.is_set():
                blocks = [foreign.malloc(size) for size in (100, 5000, 70_000, 300_000)]
                for block in blocks:
                    realloc(block, 2 * block.size)
                for block in blocks:
                    free(block)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(40):
            child = os.fork()
            if not child:
                block = foreign.malloc(100)
                realloc(block, 100_000)
                free(block)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        print("done")
        """,
        "-W",
        "ignore::DeprecationWarning",
        **ROOM,
    )
    if "missing:" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
