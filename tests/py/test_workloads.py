# SPDX-License-Identifier: MIT
"""Each workload allocates, frees across threads and retains as its source does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pointers._cli.bench.measure import program

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="built on Linux")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program.find()), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def counts(workload: str, scale: str, *arguments: str) -> dict[str, Any]:
    done = run(
        *(workload, "--allocator", "direct", "--scale", scale, "--threads", "2"),
        *(*arguments, "--count", "--json"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    assert found["left"] == 0
    return found


def test_glibc_simple_runs_each_size_also_in_a_thread() -> None:
    found = counts("glibc-simple", "0.001")
    assert found["threads"] == 3  # one for each size
    assert found["peak_live_blocks"] == 1600
    assert found["peak_live_bytes"] == 1600 * 64
    assert found["made"] == 3 * 4 * (80 * 25 + 20 * 100 + 5 * 400 + 1 * 1600)
    assert found["crossing"] == 0


def test_alloc_test_fills_half_of_all_places() -> None:
    found = counts("alloc-testN", "0.0001")
    assert 0.49 < (found["made"] - 10_000) / (1 << 18) < 0.51
    assert found["crossing"] == 0
    found = counts("alloc-test1", "0.0001")
    assert 0.49 < found["retained"] / (1 << 18) < 0.51
    assert found["crossing"] == 0
    assert 20 < found["peak_live_bytes"] / found["peak_live_blocks"] < 40


def test_larson_threads_leave_their_places_to_successors() -> None:
    found = counts("larson", "0.02")
    assert found["threads"] == 2 + 2 * 2
    assert found["retained"] == found["peak_live_blocks"] == 2 * 5000
    assert found["made"] == 2 * (5000 * (1 + 4) + 2 * 100 * 5000)
    assert counts("larson", "0.01")["made"] == 2 * (5000 * (1 + 4) + 2 * 50 * 5000)
    # Each generation inherits all places; the main thread frees them in the end
    assert 0.95 * 3 * 10_000 < found["crossing"] <= 3 * 10_000


def test_xmalloc_makers_free_nothing() -> None:
    found = counts("xmalloc", "0.01")
    assert found["made"] == found["crossing"] == 2 * 30 * 4097
    assert found["threads"] == 4
    # 100 batches wait at most, and each of 4 threads holds one
    assert found["peak_live_blocks"] <= (100 + 4) * 4097


def test_sh6_threads_free_their_own_blocks_and_sh8_threads_those_of_others() -> None:
    found = counts("sh6", "0.02")
    assert found["threads"] == 4
    assert found["crossing"] == 0
    assert found["made"] == 4 * 50 * 19_300
    # Each thread has 2500 places, of which the rest is empty when a fifth has survived
    assert found["peak_live_blocks"] <= 4 * 2500
    assert 500 <= found["retained"] <= 4 * 2500  # of the thread that ends last, at least
    assert 10 < found["peak_live_bytes"] / found["peak_live_blocks"] < 200
    found = counts("sh8", "0.02")
    assert found["threads"] == 4
    assert found["crossing"] == found["made"]
    assert found["made"] == 4 * (14_000 + -(-14_000 // 512))


def test_mstress_swaps_blocks_and_starts_new_threads_each_round() -> None:
    found = counts("mstress", "0.08")
    # The main thread is the first one in both rounds, and counts anew
    assert found["threads"] == 2 * 2
    assert found["made"] == 2 * (5000 + 2500 + 10000 + 5000)
    assert 0 < found["crossing"] < found["made"] / 4
    assert found["retained"] >= 2500  # the blocks of the thread that ends last


def test_rptest_crosses_every_second_loop_unless_there_is_one_thread() -> None:
    found = counts("rptest", "0.1")
    assert found["threads"] == 2 * 4
    assert 0 < found["crossing"] < found["made"] / 2
    assert counts("rptest", "0.1", "--threads", "1")["crossing"] == 0


def test_cache_scratch_threads_free_the_main_thread_s_blocks() -> None:
    assert counts("cache-scratchN", "0.002")["crossing"] == 2
    assert counts("cache-scratch1", "0.001")["crossing"] == 1
    assert counts("cache-thrashN", "0.002")["crossing"] == 0


def test_glibc_thread_and_malloc_large_keep_their_places_filled() -> None:
    found = counts("glibc-thread", "0.001")
    assert found["threads"] == 2
    # Each thread uses nearly all of its 1024 places, which are drawn 4096 times
    assert 1000 < found["retained"] <= found["peak_live_blocks"] <= 2 * 1024
    assert counts("glibc-thread", "0.001", "--threads", "1")["threads"] == 0
    found = counts("malloc-large", "0.01")
    assert found["retained"] <= 20
    assert found["peak_live_bytes"] >= found["retained"] * 5 * (1 << 20)


_OVERLAPPING = """
#include <stddef.h>
static _Alignas(16) char block[1 << 16];
void *one_malloc(size_t size) { return size <= sizeof block ? block : 0; }
void *one_calloc(size_t count, size_t size) { return one_malloc(count * size); }
void *one_realloc(void *mem, size_t size) { (void)mem; return one_malloc(size); }
void one_free(void *mem) { (void)mem; }
"""


# Blocks are eight bytes too short, and a resize loses the contents
_TIGHT = """
#include <stddef.h>
static _Alignas(16) char memory[1 << 20];
static size_t used;
void *one_malloc(size_t size) {
  size_t at = used;
  if (size > sizeof memory / 2) return 0;
  used = at + size > sizeof memory / 2 ? 0 : at + (size > 8 ? size - 8 : size);
  return memory + at;
}
void *one_calloc(size_t count, size_t size) { return one_malloc(count * size); }
void *one_realloc(void *mem, size_t size) { (void)mem; return one_malloc(size); }
void one_free(void *mem) { (void)mem; }
"""


def library(folder: Path, source: str) -> Path:
    """Build a library of one C file."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    path, built = folder / "one.c", folder / "libone.so"
    path.write_text(source)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", built, path], check=True)
    return built


@pytest.fixture(scope="module")
def overlapping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library(tmp_path_factory.mktemp("overlapping"), _OVERLAPPING)


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library(tmp_path_factory.mktemp("tight"), _TIGHT)


@pytest.mark.parametrize("workload", ["churn", "xmalloc", "mstress", "larson", "alloc-test1"])
def test_an_allocator_that_always_returns_the_same_block_fails(
    overlapping: Path, workload: str
) -> None:
    done = run(workload, "--allocator", f"foreign:{overlapping}:one_", "--scale", "0.001")
    assert done.returncode == 1
    assert "gives memory out that is in use" in done.stderr


# glibc-simple writes all bytes, xmalloc the first 128, request-cycle both ends of each block;
# realloc-growth resizes
@pytest.mark.parametrize("workload", ["glibc-simple", "xmalloc", "request-cycle", "realloc-growth"])
def test_an_allocator_whose_blocks_are_too_short_or_lose_their_contents_fails(
    tight: Path, workload: str
) -> None:
    done = run(workload, "--allocator", f"foreign:{tight}:one_", "--scale", "0.001")
    assert done.returncode == 1
    assert "had not what was written into it" in done.stderr


def test_the_peak_leaves_out_the_workload_s_own_memory() -> None:
    # Half of 262144 places hold 27 bytes on average; the places themselves take 10 MB
    done = run("alloc-test1", "--allocator", "system", "--scale", "0.0001", "--json")
    found = json.loads(done.stdout)
    live = counts("alloc-test1", "0.0001")["peak_live_bytes"]
    assert live < found["peak_rss_bytes"] < 3 * live
    assert 0 < found["page_faults"] < found["peak_rss_bytes"] // 1024


def bench(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pointers", "bench", "--rounds", "1", "--scale", "0.001"]
    return subprocess.run(
        [*command, "--workloads", "churn", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_named_library_that_fails_is_an_error(overlapping: Path) -> None:
    folder = overlapping.parent
    (folder / "text.so").write_text("no library")
    for spec, code, words in [
        ("mine=foreign:libone.so:one_", 1, "churn on mine: failed: exit code 1"),
        ("foreign:./libone.so:one_", 1, "gives memory out that is in use"),
        ("foreign:libone.so:two_", 2, "has no function two_malloc"),
        ("foreign:text.so", 2, "does not load"),
    ]:
        done = bench("--allocators", spec, folder=folder)
        assert done.returncode == code, done.stderr
        assert words in done.stderr


def test_each_layer_over_malloc_can_be_measured() -> None:
    for allocator in ("direct", "system", "system+stats"):
        done = run("churn", "--allocator", allocator, "--scale", "0.001", "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["page_faults"] > 0
        assert found["user_seconds"] + found["system_seconds"] >= 0
