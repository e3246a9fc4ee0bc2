// SPDX-License-Identifier: MIT
#include "failing.h"

#include <string.h>

#include "ptrs/system.h"
#include "tap.h"

static FailingAllocator *
cast(PtrsAllocator *allocator)
{
  return (FailingAllocator *)allocator;
}

static bool
must_fail(FailingAllocator *failing)
{
  const size_t call = ++failing->n_calls;
  const bool fails  = failing->fail_at &&
                     (failing->fail_onwards ? call >= failing->fail_at : call == failing->fail_at);
  failing->n_failed += fails;
  return fails;
}

static FailingBlock *
find(FailingAllocator *failing, const void *mem)
{
  for (size_t i = 0; i < FAILING_MAX_BLOCKS; ++i) {
    if (failing->blocks[i].mem == mem) {
      return &failing->blocks[i];
    }
  }
  return NULL;
}

static void
remember(FailingAllocator *failing, void *mem, size_t size, size_t align)
{
  FailingBlock *const block = find(failing, NULL);
  if (CHECK(block)) {
    *block = (FailingBlock){mem, size, align};
  }
  ++failing->n_blocks;
  failing->n_bytes += size;
}

static void
forget(FailingAllocator *failing, const void *mem, size_t size, size_t align)
{
  FailingBlock *const block = mem ? find(failing, mem) : NULL;
  if (!block || block->size != size || block->align != align) {
    ++failing->n_mistakes;
  }
  if (block) {
    --failing->n_blocks;
    failing->n_bytes -= block->size;
    *block = (FailingBlock){0};
  }
}

static void *
failing_alloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  FailingAllocator *const failing = cast(allocator);
  if (must_fail(failing)) {
    return NULL;
  }
  PtrsAllocator *const parent = failing->parent;
  void *const mem             = parent->alloc(parent, size, align);
  if (mem) {
    memset(mem, FAILING_JUNK, parent->capacity(parent, mem, size, align));
    remember(failing, mem, size, align);
  }
  return mem;
}

static void *
failing_zalloc(PtrsAllocator *allocator, size_t size, size_t align)
{
  FailingAllocator *const failing = cast(allocator);
  if (must_fail(failing)) {
    return NULL;
  }
  PtrsAllocator *const parent = failing->parent;
  void *const mem             = parent->zalloc(parent, size, align);
  if (mem) {
    // zalloc promises zeros up to the size, not up to the capacity
    const size_t capacity = parent->capacity(parent, mem, size, align);
    memset((uint8_t *)mem + size, FAILING_JUNK, capacity - size);
    remember(failing, mem, size, align);
  }
  return mem;
}

static void *
failing_realloc(PtrsAllocator *allocator, void *mem, size_t old_size, size_t new_size, size_t align)
{
  FailingAllocator *const failing = cast(allocator);
  if (must_fail(failing)) {
    return NULL;
  }
  PtrsAllocator *const parent = failing->parent;
  const size_t old_capacity   = parent->capacity(parent, mem, old_size, align);
  void *const new_mem         = parent->realloc(parent, mem, old_size, new_size, align);
  if (new_mem) {
    // realloc promises to keep these bytes, and no more
    const size_t capacity = parent->capacity(parent, new_mem, new_size, align);
    const size_t kept     = old_capacity < new_size ? old_capacity : new_size;
    memset((uint8_t *)new_mem + kept, FAILING_JUNK, capacity - kept);
    forget(failing, mem, old_size, align);
    remember(failing, new_mem, new_size, align);
  }
  return new_mem;
}

static void
failing_free(PtrsAllocator *allocator, void *mem, size_t size, size_t align)
{
  FailingAllocator *const failing = cast(allocator);
  forget(failing, mem, size, align);
  failing->parent->free(failing->parent, mem, size, align);
}

static size_t
failing_capacity(PtrsAllocator *allocator, const void *mem, size_t size, size_t align)
{
  PtrsAllocator *const parent = cast(allocator)->parent;
  return parent->capacity(parent, mem, size, align);
}

static void
failing_stats(PtrsAllocator *allocator, PtrsStats *stats)
{
  ptrs_allocator_stats(cast(allocator)->parent, stats);
}

void
failing_init(FailingAllocator *failing, PtrsAllocator *parent)
{
  *failing = (FailingAllocator){
      .base =
          {
              .alloc    = failing_alloc,
              .zalloc   = failing_zalloc,
              .realloc  = failing_realloc,
              .free     = failing_free,
              .capacity = failing_capacity,
              .stats    = failing_stats,
          },
      .parent = parent,
  };
}

static bool
run(FailingScenario scenario, size_t fail_at, bool onwards)
{
  FailingAllocator failing;
  failing_init(&failing, ptrs_system_allocator());
  failing.fail_at      = fail_at;
  failing.fail_onwards = onwards;

  scenario(&failing);

  CHECK_EQ(failing.n_blocks, 0);
  CHECK_EQ(failing.n_bytes, 0);
  CHECK_EQ(failing.n_mistakes, 0);
  return failing.n_failed > 0;
}

size_t
failing_sweep(FailingScenario scenario)
{
  size_t n_runs = 1;
  CHECK(!run(scenario, 0, false));
  for (int onwards = 0; onwards < 2; ++onwards) {
    size_t fail_at = 1;
    for (; run(scenario, fail_at, onwards); ++fail_at) {
      ++n_runs;
    }
    CHECK(fail_at > 1); // a scenario without an allocation tests nothing
  }
  return n_runs;
}
