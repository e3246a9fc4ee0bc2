# SPDX-License-Identifier: MIT
"""The figures' rows of memory: allocation, allocators, stack functions, memory of others."""

from __future__ import annotations

from case import LIBC, POINTERS
from peers import (
    ARRAY,
    ARRAYS,
    BUFFER,
    CONTEXT,
    MAPPING,
    NUMPY,
    PAIR,
    REPR,
    STATS,
    STREAM,
    THREAD,
    THREADED,
    THREADS,
)
from rows import row

MORE = f"{POINTERS}\nfrom pointers import Guard, System, allocator, from_address, realloc\n"
ALLOCATORS = (
    f"{MORE}arena, pool, guard, system = Arena(1 << 20), Pool(28), Guard(), System()\n"
    "arena_malloc, pool_malloc, guard_malloc = arena.malloc, pool.malloc, guard.malloc\n"
    "import warnings; warnings.simplefilter('ignore', ResourceWarning)"
)
STACK = f"{POINTERS}, acquire_stack_alloc\n@stack_alloc(28)\ndef function(ptr): pass\n"
ARENA = "for _ in range(1000): arena_malloc(28)\narena.reset()"
DEFAULT = "with allocator(arena):\n  for _ in range(1000): malloc(28)\narena.reset()"
ON_POOL = "with numpy_allocator(pool):\n  for _ in range(1000): empty(100)"
BOTH = "with allocator(pool): free(malloc(28))"

PAIRS = [
    row(
        "malloc(28) and free",
        "free(malloc(28))",
        "malloc free AllocatedPointer",
        BUFFER,
        (0.65, 0.8),
        POINTERS,
    ),
    row("the same", "free(malloc(28))", "malloc free", ARRAY, (0.9, 1.6), POINTERS),
    row("malloc(28), ptr.free()", "malloc(28).free()", ".free", ARRAY, (0.9, 1.6), POINTERS),
    row(
        "malloc(28, align=64) and free",
        "free(malloc(28, align=64))",
        "malloc",
        ARRAY,
        (1.2, 2),
        POINTERS,
    ),
    row(
        "calloc(1, 28) and free",
        "free(calloc(1, 28))",
        "calloc AllocatedArrayPointer",
        ARRAY,
        (0.9, 1.6),
        POINTERS,
    ),
    row("leaked malloc(28)", "malloc(28)", "malloc", ARRAY, (1.4, 3), ALLOCATORS),
    row(
        "with malloc(28)",
        "with malloc(28): pass",
        ".__enter__ .__exit__",
        ARRAY,
        (2.3, 3),
        POINTERS,
    ),
    row(
        "realloc 64 to 4096, and back",
        "realloc(ptr, 4096); realloc(ptr, 64)",
        "realloc",
        ARRAY,
        (2.5, 6),
        f"{MORE}ptr = malloc(64).move(1)",
        2,
    ),
    row(
        "ptr.realloc(64), to its size",
        "ptr.realloc(64)",
        ".realloc",
        ARRAY,
        (2.5, 6),
        f"{MORE}ptr = malloc(64)",
    ),
]
HEAPS = [
    row(
        "arena, reset every 1,000",
        ARENA,
        "Arena Allocator.malloc Allocator.reset",
        ARRAY,
        (1, 1.8),
        ALLOCATORS,
        1000,
    ),
    row("arena as the default", DEFAULT, "allocator", ARRAY, (1.1, 1.8), ALLOCATORS, 1000),
    row("pool, and free", "free(pool_malloc(28))", "Pool", ARRAY, (0.95, 1.6), ALLOCATORS),
    row("with allocator(pool), and both", BOTH, "allocator", ARRAY, (2, 3), ALLOCATORS),
    row(
        "with allocator(pool)",
        "with allocator(pool): pass",
        "allocator",
        CONTEXT,
        (1, 2),
        MORE + "pool = Pool(28)",
    ),
    row(
        "pool.calloc, and free",
        "free(pool.calloc(1, 28))",
        "Allocator.calloc",
        ARRAY,
        (1, 1.8),
        ALLOCATORS,
    ),
    row(
        "numpy.empty(100) on a pool",
        ON_POOL,
        "numpy_allocator",
        ARRAYS,
        (1.1, 1.1),
        f"{NUMPY}pool = Pool(1024)",
        1000,
    ),
    row("guard, and free", "free(guard_malloc(28))", "Guard", MAPPING, (1, 2), ALLOCATORS),
    row("guard.info()", "guard.info()", "Allocator.info GuardInfo", STATS, (1, 2), ALLOCATORS),
    row(
        "arena.mark, rewind",
        "arena.rewind(arena.mark())",
        "Allocator.mark Allocator.rewind",
        ARRAY,
        (1, 1.8),
        ALLOCATORS,
    ),
    row("arena, made and closed", "Arena().close()", "Arena Allocator.close", STREAM, (1, 2), MORE),
    row("pool, made and closed", "Pool(28).close()", "Pool Allocator.close", STREAM, (1, 2), MORE),
    row(
        "with Pool(28)",
        "with Pool(28): pass",
        "Allocator.__enter__ Allocator.__exit__",
        STREAM,
        (1, 2),
        MORE,
    ),
    row(
        "limit over system, and free",
        "free(limit_malloc(28))",
        "Limit",
        ARRAY,
        (1, 2),
        f"{MORE}from pointers import Limit\nlimit_malloc = Limit(System(), 1000).malloc",
    ),
    row(
        "arena.release_unused(), of nothing",
        "arena.release_unused()",
        "Allocator.release_unused",
        STREAM,
        (1, 2),
        MORE + "arena = Arena()",
    ),
    row("arena.limit", "arena.limit", "Allocator.limit", STATS, (1, 2), MORE + "arena = Arena()"),
    row("System()", "System()", "System Allocator", ARRAY, (0.6, 0.5), MORE),
    row("repr(pool)", "repr(pool)", "Allocator.__repr__", REPR, (1, 2), ALLOCATORS),
    *(
        row(
            f"{name}, of 1,000 blocks, each",
            f"for info in {name}: pass",
            f"{covers} BlockInfo",
            STATS,
            (10, 2),
            f"{MORE}from pointers import live_blocks\narena = Arena()\n"
            "kept = [arena.malloc(28) for _ in range(1000)]",
            1000,
        )
        for name, covers in (
            ("live_blocks()", "live_blocks"),
            ("arena.blocks()", "Allocator.blocks"),
        )
    ),
    *(
        row(
            f"{name}.stats()", f"{name}.stats()", "Allocator.stats Stats", STATS, (1, 2), ALLOCATORS
        )
        for name in ("system", "arena", "pool", "guard")
    ),
    *(
        row(f"pool.{name}", f"pool.{name}", f"Allocator.{name}", ARRAY, (0.6, 0.5), ALLOCATORS)
        for name in ("closed", "block_size")
    ),
]
OTHERS = [
    row(
        "empty stack call",
        "function()",
        "stack_alloc StackAllocatedPointer",
        BUFFER,
        (1.2, 3),
        STACK,
    ),
    row(
        "acquire_stack_alloc(28)",
        "acquire_stack_alloc(28)(empty)",
        "acquire_stack_alloc",
        BUFFER,
        (1.2, 3),
        STACK + "def empty(ptr): pass",
    ),
    row(
        "from_address and free",
        "free(from_address(address, 28))",
        "from_address AdoptedPointer",
        ARRAY,
        (2, 4),
        MORE + "ptr = malloc(28)\naddress = ptr.address",
    ),
    row(
        "malloc, release, C's free",
        "c_free(malloc(28).release())",
        ".release",
        PAIR,
        (1, 2),
        LIBC + POINTERS,
    ),
]
ROWS = [*PAIRS, *HEAPS, *OTHERS]
THREAD_ROWS = [
    row(
        f"malloc and free, {n_threads} thread{'s'[: n_threads - 1]}",
        f"run({n_threads})",
        "malloc free",
        peer,
        (0.9, 1.6),
        f"{POINTERS}{THREADED}\ndef work():\n  for _ in range(2000): free(malloc(28))",
        2000 * n_threads,
    )
    for n_threads, peer in ((1, THREAD), (2, THREADS))
]
