// SPDX-License-Identifier: MIT
// Pins, drops, and blocks over memory that the caller owns.
#include <string.h>

#include "failing.h"
#include "operations.h"
#include "ptrs/block.h"
#include "ptrs/system.h"
#include "tap.h"

#define MAX_PINS 65535

// Counts the memory that the blocks of one case have outstanding
static FailingAllocator counted;

static PtrsBlock
make(void)
{
  PtrsBlock block = 0;
  failing_init(&counted, ptrs_system_allocator());
  CHECK_EQ(ptrs_block_zalloc(&counted.base, 24, 8, &block), PTRS_STATUS_SUCCESS);
  return block;
}

static void
pin(PtrsBlock block)
{
  PtrsBlockInfo info = {0};
  void *mem          = NULL;
  CHECK_EQ(ptrs_block_pin(block, &mem), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  CHECK_PTR(mem, info.mem);
}

static void
pinned_blocks_stay(void)
{
  const PtrsBlock block = make();
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_BAD_ARG);
  pin(block);
  pin(block);
  for (unsigned pins = 2; pins > 0; --pins) {
    check_block(block, 24, pins, 0);
    CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_PINNED);
    CHECK_EQ(ptrs_block_realloc(block, 8), PTRS_STATUS_PINNED);
    CHECK_EQ(ptrs_block_realloc(block, 24), PTRS_STATUS_PINNED);
    CHECK_EQ(ptrs_block_realloc(block, 800), PTRS_STATUS_PINNED);
    check_block(block, 24, pins, 0);
    CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  }
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_realloc(block, 8), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(counted.n_blocks, 0);
}

// A pin keeps the address: the bytes may be read and written
static void
pinned_blocks_are_accessible(void)
{
  const PtrsBlock block = make();
  PtrsBlock other       = 0;
  int order             = 9;
  CHECK_EQ(ptrs_block_zalloc(ptrs_system_allocator(), 24, 8, &other), PTRS_STATUS_SUCCESS);
  pin(block);
  CHECK_EQ(ptrs_block_write(block, 0, 4, "abcd"), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_copy(block, 4, block, 0, 4), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_copy(other, 0, block, 0, 24), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_compare(other, 0, block, 0, 24, &order), PTRS_STATUS_SUCCESS);
  CHECK_EQ(order, 0);
  CHECK_EQ(ptrs_block_fill(block, 0, 24, 0x18), PTRS_STATUS_SUCCESS);
  check_block(block, 24, 1, 0x18);
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(other), PTRS_STATUS_SUCCESS);
}

static void
pins_have_a_ceiling(void)
{
  const PtrsBlock block = make();
  void *mem             = NULL;
  for (int i = 0; i < MAX_PINS; ++i) {
    if (!CHECK_EQ(ptrs_block_pin(block, &mem), PTRS_STATUS_SUCCESS)) {
      return;
    }
  }
  void *untouched = &mem;
  CHECK_EQ(ptrs_block_pin(block, &untouched), PTRS_STATUS_OVERFLOW);
  CHECK_PTR(untouched, &mem);
  check_block(block, 24, MAX_PINS, 0); // no carry into the neighbouring counts of the state word
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_block_write(block, 0, 1, "x"), PTRS_STATUS_SUCCESS);
  for (int i = 0; i < MAX_PINS; ++i) {
    CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  }
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

static void
drop_frees_what_is_unpinned(void)
{
  const PtrsBlock block = make();
  CHECK_EQ(ptrs_block_drop(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(counted.n_blocks, 0);
  check_all_refuse(block, PTRS_STATUS_STALE);
}

static void
drop_waits_for_the_last_pin(void)
{
  const PtrsBlock block = make();
  pin(block);
  pin(block);
  CHECK_EQ(ptrs_block_drop(block), PTRS_STATUS_SUCCESS);
  check_block(block, 24, 2, 0);

  // Until the last unpin the block is usable, and can be pinned and dropped again
  CHECK_EQ(ptrs_block_fill(block, 0, 24, 0x19), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_drop(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_PINNED);
  pin(block);
  for (unsigned pins = 3; pins > 0; --pins) {
    check_block(block, 24, pins, 0x19);
    CHECK_EQ(counted.n_blocks, 1);
    CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  }
  CHECK_EQ(counted.n_blocks, 0);
  CHECK_EQ(counted.n_mistakes, 0);
  check_all_refuse(block, PTRS_STATUS_STALE);
}

// A drop of one block must not free the next block of its slot
static void
drops_are_forgotten(void)
{
  for (int i = 0; i < 200; ++i) {
    const PtrsBlock block = make();
    pin(block);
    CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
    check_block(block, 24, 0, 0); // not freed: the drop was of the block before it
    pin(block);
    CHECK_EQ(ptrs_block_drop(block), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
    CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_STALE);
  }
}

static void
adopted_blocks_are_lent(void)
{
  _Alignas(32) uint8_t mem[48];
  memset(mem, 0x2B, sizeof(mem));
  PtrsBlock block    = 0;
  PtrsBlockInfo info = {0};
  CHECK_EQ(ptrs_block_adopt(mem, 48, 32, PTRS_BLOCK_NOT_FREEABLE, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  CHECK_PTR(info.mem, mem);
  CHECK_PTR(info.allocator, NULL);
  CHECK_EQ(info.size, 48);
  CHECK_EQ(info.capacity, 48);
  CHECK_EQ(info.align, 32);
  CHECK_EQ(info.flags, PTRS_BLOCK_NOT_FREEABLE);
  CHECK_FILLED(mem, 48, 0x2B);

  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_NOT_FREEABLE);
  CHECK_EQ(ptrs_block_drop(block), PTRS_STATUS_NOT_FREEABLE);
  CHECK_EQ(ptrs_block_realloc(block, 8), PTRS_STATUS_NOT_FREEABLE);
  CHECK_EQ(ptrs_block_realloc(block, 48), PTRS_STATUS_NOT_FREEABLE);
  CHECK_EQ(ptrs_block_write(block, 0, 1, "w"), PTRS_STATUS_SUCCESS);
  CHECK_EQ(mem[0], 'w');

  // An adopted block can be pinned, and is then not disowned
  pin(block);
  CHECK_EQ(ptrs_block_disown(block), PTRS_STATUS_PINNED);
  CHECK_EQ(ptrs_block_drop(block), PTRS_STATUS_NOT_FREEABLE);
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_disown(block), PTRS_STATUS_SUCCESS);
  check_all_refuse(block, PTRS_STATUS_STALE);
  CHECK_EQ(mem[0], 'w');
  CHECK_FILLED(mem + 1, 47, 0x2B);
}

static void
unpinnable_blocks_refuse_pins(void)
{
  char mem[8]          = {0};
  PtrsBlock block      = 0;
  void *address        = &block;
  const unsigned flags = PTRS_BLOCK_NOT_FREEABLE | PTRS_BLOCK_NOT_PINNABLE;
  CHECK_EQ(ptrs_block_adopt(mem, 8, 1, flags, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_pin(block, &address), PTRS_STATUS_NOT_SUPPORTED);
  CHECK_PTR(address, &block);
  check_block(block, 8, 0, 0);
  CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_disown(block), PTRS_STATUS_SUCCESS);
}

static void
adoptions_are_checked(void)
{
  _Alignas(16) char mem[32] = {0};
  const unsigned lent       = PTRS_BLOCK_NOT_FREEABLE;
  PtrsBlock block           = 77;
  CHECK_EQ(ptrs_block_adopt(NULL, 8, 8, lent, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_adopt(mem + 8, 8, 16, lent, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_adopt(mem + 1, 8, 2, lent, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_adopt(mem, 8, 0, lent, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_adopt(mem, 8, 12, lent, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_adopt(mem, 8, PTRS_ALIGN_MAX * 2, lent, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_adopt(mem, 8, 8, 0, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_adopt(mem, 8, 8, PTRS_BLOCK_NOT_PINNABLE, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_adopt(mem, 8, 8, lent | 4, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_adopt(mem, 8, 8, lent | 256, &block), PTRS_STATUS_BAD_ARG);
  CHECK_EQ(ptrs_block_adopt(mem, PTRS_SIZE_MAX + 1, 8, lent, &block), PTRS_STATUS_OVERFLOW);
  CHECK_EQ(block, 77);
  CHECK_EQ(ptrs_block_adopt(mem, 0, 16, lent, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_disown(block), PTRS_STATUS_SUCCESS);
}

static void
allocated_blocks_cannot_be_disowned(void)
{
  const PtrsBlock block = make();
  CHECK_EQ(ptrs_block_disown(block), PTRS_STATUS_BAD_ARG);
  check_block(block, 24, 0, 0);
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(counted.n_blocks, 0);
}

int
main(void)
{
  TAP_RUN(pinned_blocks_stay);
  TAP_RUN(pinned_blocks_are_accessible);
  TAP_RUN(pins_have_a_ceiling);
  TAP_RUN(drop_frees_what_is_unpinned);
  TAP_RUN(drop_waits_for_the_last_pin);
  TAP_RUN(drops_are_forgotten);
  TAP_RUN(adopted_blocks_are_lent);
  TAP_RUN(unpinnable_blocks_refuse_pins);
  TAP_RUN(adoptions_are_checked);
  TAP_RUN(allocated_blocks_cannot_be_disowned);
  return tap_end();
}
