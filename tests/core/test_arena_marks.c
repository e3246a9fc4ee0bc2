// SPDX-License-Identifier: MIT
// Arenas with many marks: random programs beside a model that knows when each block
// was allocated; and how many blocks a rewind looks at.
#include <string.h>

#include "blocks/invalidate.h"
#include "operations.h"
#include "ptrs/arena.h"
#include "ptrs/block.h"
#include "ptrs/system.h"
#include "tap.h"

#define N_BLOCKS 400
#define N_MARKS 60
#define N_STEPS 6000

typedef struct {
  PtrsBlock block; // 0: none
  const void *mem;
  size_t size;
  uint64_t since; // when its memory was allocated
} Piece;

typedef struct {
  PtrsAllocator *arena;
  Piece pieces[N_BLOCKS];
  struct {
    uint64_t number;
    uint64_t since;
  } marks[N_MARKS];
  size_t n_marks;
  uint64_t now;
  uint32_t state;
} Model;

static uint32_t
next_random(Model *model, uint32_t limit)
{
  model->state = model->state * 1664525U + 1013904223U;
  return (model->state >> 8) % limit;
}

static const void *
mem_of(PtrsBlock block)
{
  PtrsBlockInfo info = {0};
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  return info.mem;
}

static void
make(Model *model, Piece *piece)
{
  piece->size = next_random(model, 10) ? next_random(model, 200) : next_random(model, 3000);
  CHECK_EQ(ptrs_block_zalloc(model->arena, piece->size, 8, &piece->block), PTRS_STATUS_SUCCESS);
  check_block(piece->block, piece->size, 0, 0);
  CHECK_EQ(ptrs_block_fill(piece->block, 0, piece->size, 0xEE), PTRS_STATUS_SUCCESS);
  piece->mem   = mem_of(piece->block);
  piece->since = ++model->now;
}

static void
resize(Model *model, Piece *piece)
{
  const size_t kept = piece->size;
  piece->size       = next_random(model, 3) ? next_random(model, 300) : kept / 2;
  CHECK_EQ(ptrs_block_realloc(piece->block, piece->size), PTRS_STATUS_SUCCESS);
  const uint8_t *const mem = (const uint8_t *)mem_of(piece->block);
  if (piece->size > kept) {
    CHECK_FILLED(mem + kept, piece->size - kept, 0);
  }
  CHECK_EQ(ptrs_block_fill(piece->block, 0, piece->size, 0xEE), PTRS_STATUS_SUCCESS);
  if (mem != piece->mem) {
    piece->mem   = mem;
    piece->since = ++model->now;
  }
}

static void
end(Piece *piece)
{
  CHECK_EQ(ptrs_block_free(piece->block), PTRS_STATUS_STALE);
  *piece = (Piece){.block = 0};
}

static void
check_all(const Model *model)
{
  PtrsStats stats;
  uint64_t blocks = 0;
  uint64_t bytes  = 0;
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    if (model->pieces[i].block) {
      check_block(model->pieces[i].block, model->pieces[i].size, 0, 0xEE);
      blocks += 1;
      bytes += model->pieces[i].size;
    }
  }
  ptrs_allocator_stats(model->arena, &stats);
  CHECK_EQ(stats.current_blocks, blocks);
  CHECK_EQ(stats.current_bytes, bytes);
}

// A rewind is refused while a block behind the mark is pinned, and changes nothing
static void
rewind_to(Model *model, size_t i)
{
  const Piece *const pinned = &model->pieces[next_random(model, N_BLOCKS)];
  void *mem                 = NULL;
  if (pinned->block) {
    const bool is_behind = pinned->since > model->marks[i].since;
    CHECK_EQ(ptrs_block_pin(pinned->block, &mem), PTRS_STATUS_SUCCESS);
    const PtrsStatus status = ptrs_arena_rewind(model->arena, model->marks[i].number);
    CHECK_EQ(status, is_behind ? PTRS_STATUS_PINNED : PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_unpin(pinned->block), PTRS_STATUS_SUCCESS);
  }
  CHECK_EQ(ptrs_arena_rewind(model->arena, model->marks[i].number), PTRS_STATUS_SUCCESS);
  for (size_t j = i + 1; j < model->n_marks; ++j) {
    CHECK_EQ(ptrs_arena_rewind(model->arena, model->marks[j].number), PTRS_STATUS_STALE);
  }
  model->n_marks = i + 1;
  for (size_t j = 0; j < N_BLOCKS; ++j) {
    if (model->pieces[j].block && model->pieces[j].since > model->marks[i].since) {
      end(&model->pieces[j]);
    }
  }
  check_all(model);
}

static void
reset(Model *model)
{
  CHECK_EQ(ptrs_arena_reset(model->arena), PTRS_STATUS_SUCCESS);
  for (size_t i = 0; i < N_BLOCKS; ++i) {
    if (model->pieces[i].block) {
      end(&model->pieces[i]);
    }
  }
  model->n_marks = 0;
  check_all(model);
}

static void
step(Model *model)
{
  Piece *const piece    = &model->pieces[next_random(model, N_BLOCKS)];
  const uint32_t choice = next_random(model, 1000);
  if (choice < 700) {
    if (!piece->block) {
      make(model, piece);
    } else if (choice < 300) {
      CHECK_EQ(ptrs_block_free(piece->block), PTRS_STATUS_SUCCESS);
      piece->block = 0;
    } else {
      resize(model, piece);
    }
  } else if (choice < 950) {
    if (model->n_marks < N_MARKS) {
      CHECK_EQ(ptrs_arena_mark(model->arena, &model->marks[model->n_marks].number),
               PTRS_STATUS_SUCCESS);
      model->marks[model->n_marks++].since = model->now;
    }
  } else if (choice < 995) {
    if (model->n_marks) {
      // Mostly one of the newest marks
      const size_t back = next_random(model, 4) ? next_random(model, 4) : next_random(model, 60);
      rewind_to(model, model->n_marks - 1 - back % model->n_marks);
    }
  } else {
    reset(model);
  }
}

static void
run(PtrsAllocator *parent, size_t chunk_size, uint32_t seed)
{
  static Model model;
  memset(&model, 0, sizeof(model));
  model.state = seed;
  CHECK_EQ(ptrs_arena_new(parent, chunk_size, &model.arena), PTRS_STATUS_SUCCESS);
  for (int i = 0; i < N_STEPS && !tap_failed(); ++i) {
    step(&model);
  }
  check_all(&model);
  CHECK_EQ(ptrs_allocator_close(model.arena), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(model.arena);
}

static void
programs_beside_a_model(void)
{
  static const size_t chunk_sizes[] = {1, 300, 4096};
  for (uint32_t i = 0; i < 3; ++i) {
    run(ptrs_system_allocator(), chunk_sizes[i], i);
  }
}

// An arena as the parent: its memory is not zero once it was used
static void
programs_in_an_arena_of_an_arena(void)
{
  PtrsAllocator *parent = NULL;
  CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), 10000, &parent), PTRS_STATUS_SUCCESS);
  for (uint32_t i = 0; i < 3; ++i) {
    run(parent, 500, 10 + i);
    CHECK_EQ(ptrs_arena_reset(parent), PTRS_STATUS_SUCCESS);
  }
  ptrs_allocator_release(parent);
}

typedef struct {
  size_t n_asked;
  size_t n_ended;
} Count;

static bool
is_among_the_newest(const PtrsSlot *slot, void *ctx)
{
  Count *const count = (Count *)ctx;
  (void)slot;
  return ++count->n_asked <= count->n_ended;
}

static PtrsStatus
refuse(PtrsAllocator *allocator, void *ctx)
{
  (void)allocator;
  (void)ctx;
  return PTRS_STATUS_STALE;
}

static void
only_what_ends_is_looked_at(void)
{
  PtrsAllocator *arena = NULL;
  CHECK_EQ(ptrs_arena_new(ptrs_system_allocator(), 4096, &arena), PTRS_STATUS_SUCCESS);
  PtrsBlock block = 0;
  for (int i = 0; i < 1000; ++i) {
    CHECK_EQ(ptrs_block_alloc(arena, 8, 8, &block), PTRS_STATUS_SUCCESS);
  }
  for (size_t n_ended = 0; n_ended < 5; ++n_ended) {
    Count count                         = {.n_ended = n_ended};
    const PtrsInvalidation invalidation = {
        .selects = is_among_the_newest, .clear = refuse, .ctx = &count};
    CHECK_EQ(ptrs_invalidate(arena->lifecycle, &invalidation), PTRS_STATUS_STALE);
    CHECK_EQ(count.n_asked, n_ended + 1);
  }
  CHECK_EQ(ptrs_allocator_close(arena), PTRS_STATUS_SUCCESS);
  ptrs_allocator_release(arena);
}

int
main(void)
{
  TAP_RUN(programs_beside_a_model);
  TAP_RUN(programs_in_an_arena_of_an_arena);
  TAP_RUN(only_what_ends_is_looked_at);
  return tap_end();
}
