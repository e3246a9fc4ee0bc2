// SPDX-License-Identifier: MIT
// A mark or a chunk is found in few steps, however many there are.
#include "allocators/marks.h"

#include <stdlib.h>
#include <string.h>

#include "allocators/chunks.h"
#include "tap.h"

#define N_MARKS 2000
#define N_CHUNKS 5000

static uint32_t
next_random(uint32_t *state)
{
  *state = *state * 1664525U + 1013904223U;
  return *state >> 8;
}

static unsigned
log_of(size_t count)
{
  unsigned log = 0;
  while (count >>= 1) {
    ++log;
  }
  return log;
}

// Marks, and beside each an account that is kept by plain addition
typedef struct {
  PtrsMark marks[N_MARKS];
  PtrsAccount own[N_MARKS];
  size_t n_marks;
  PtrsMark *newest;
  uint64_t n_ever;
  PtrsChunk chunks[2];
} Model;

static void
push(Model *model)
{
  PtrsMark *const mark = &model->marks[model->n_marks];
  const size_t i       = model->n_marks++;
  // The first half in one chunk, the second in another
  *mark         = (PtrsMark){.number = ++model->n_ever,
                             .chunk  = &model->chunks[i >= N_MARKS / 2],
                             .used   = 100 + 10 * (i % (N_MARKS / 2))};
  model->own[i] = (PtrsAccount){0, 0};
  ptrs_marks_push(&model->newest, mark);
}

static void
count(Model *model, size_t i, uint64_t bytes)
{
  const PtrsAccount change = {bytes, 1};
  ptrs_marks_count(model->newest, &model->marks[i], &change);
  model->own[i].bytes += bytes;
  model->own[i].blocks += 1;
}

static void
pop(Model *model, size_t i)
{
  PtrsAccount expected = {0, 0};
  for (size_t j = i; j < model->n_marks; ++j) {
    expected.bytes += model->own[j].bytes;
    expected.blocks += model->own[j].blocks;
  }
  const PtrsAccount popped = ptrs_marks_pop(&model->newest, &model->marks[i]);
  CHECK_EQ(popped.bytes, expected.bytes);
  CHECK_EQ(popped.blocks, expected.blocks);
  CHECK_PTR(model->newest, &model->marks[i]);
  model->n_marks = i + 1;
  model->own[i]  = (PtrsAccount){0, 0};
}

static void
find(Model *model, size_t i)
{
  PtrsMark *const mark = &model->marks[i];
  CHECK_PTR(ptrs_marks_find(model->newest, mark->number), mark);
  CHECK_PTR(ptrs_marks_before(model->newest, mark->chunk, mark->used), mark);
  CHECK_PTR(ptrs_marks_before(model->newest, mark->chunk, mark->used + 9), mark);
  PtrsMark *const older = i ? mark - 1 : NULL;
  CHECK_PTR(ptrs_marks_before(model->newest, mark->chunk, mark->used - 1), older);
}

static void
accounts_are_those_of_a_model(void)
{
  static Model model;
  uint32_t state = 1;
  memset(&model, 0, sizeof(model));
  model.chunks[1].order = 1;
  for (int step = 0; step < 30000; ++step) {
    const uint32_t choice = next_random(&state) % 100;
    const size_t i        = model.n_marks ? next_random(&state) % model.n_marks : 0;
    if (!model.n_marks || (choice < 40 && model.n_marks < N_MARKS)) {
      push(&model);
    } else if (choice < 80) {
      count(&model, i, next_random(&state) % 1000);
    } else if (choice < 98) {
      find(&model, i);
    } else if (choice == 98 || model.n_marks == N_MARKS) {
      pop(&model, model.n_marks - 1 - i % 10 % model.n_marks);
    }
  }
  CHECK_PTR(ptrs_marks_find(model.newest, 0), NULL);
  CHECK_PTR(ptrs_marks_find(model.newest, model.n_ever + 1), NULL);
  pop(&model, 0);
}

static void
the_way_to_a_mark_is_short(void)
{
  static Model model;
  memset(&model, 0, sizeof(model));
  for (size_t i = 0; i < N_MARKS; ++i) {
    push(&model);
  }
  size_t longest = 0;
  for (size_t i = 0; i < N_MARKS; ++i) {
    size_t n_steps = 0;
    for (const PtrsMark *mark = model.newest; mark != &model.marks[i]; ++n_steps) {
      const uint64_t far = mark->far ? mark->far->depth : 0;
      mark               = far >= model.marks[i].depth ? mark->far : mark->older;
    }
    longest = n_steps > longest ? n_steps : longest;
  }
  CHECK(longest <= (size_t)3 * log_of(N_MARKS));
}

static size_t
depth_of(const PtrsChunk *root)
{
  if (!root) {
    return 0;
  }
  const size_t left  = depth_of(root->left);
  const size_t right = depth_of(root->right);
  return 1 + (left > right ? left : right);
}

// Chunks in the order of their addresses, which is usual, and backwards
static void
chunks_are_found_by_any_address_in_them(void)
{
  PtrsChunk *const chunks = (PtrsChunk *)calloc(2 * N_CHUNKS, sizeof(PtrsChunk));
  PtrsChunk *forwards     = NULL;
  PtrsChunk *backwards    = NULL;
  for (size_t i = 0; i < N_CHUNKS; ++i) {
    chunks[2 * i].size     = sizeof(PtrsChunk);
    chunks[2 * i + 1].size = sizeof(PtrsChunk) - 1;
    ptrs_chunks_insert(&forwards, &chunks[2 * i]);
    ptrs_chunks_insert(&backwards, &chunks[2 * (N_CHUNKS - 1 - i) + 1]);
  }
  for (size_t i = 0; i < 2 * N_CHUNKS; ++i) {
    const uint8_t *const last = (const uint8_t *)&chunks[i] + sizeof(PtrsChunk) - 1;
    PtrsChunk *const own      = i % 2 ? NULL : &chunks[i];
    CHECK_PTR(ptrs_chunks_find(forwards, &chunks[i]), own);
    CHECK_PTR(ptrs_chunks_find(forwards, last), own);
    CHECK_PTR(ptrs_chunks_find(backwards, &chunks[i]), i % 2 ? &chunks[i] : NULL);
    CHECK_PTR(ptrs_chunks_find(backwards, last), NULL);
  }
  CHECK_PTR(ptrs_chunks_find(forwards, &chunks[2 * N_CHUNKS]), NULL);
  CHECK_PTR(ptrs_chunks_find(NULL, chunks), NULL);
  // A search takes about three times the logarithm
  CHECK(depth_of(forwards) <= (size_t)6 * log_of(N_CHUNKS));
  CHECK(depth_of(backwards) <= (size_t)6 * log_of(N_CHUNKS));
  free(chunks);
}

int
main(void)
{
  TAP_RUN(accounts_are_those_of_a_model);
  TAP_RUN(the_way_to_a_mark_is_short);
  TAP_RUN(chunks_are_found_by_any_address_in_them);
  return tap_end();
}
