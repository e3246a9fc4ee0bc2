// SPDX-License-Identifier: MIT
// Raw bytes into blocks, out of them and between them.
#include <string.h>

#include "operations.h"
#include "ptrs/block.h"
#include "ptrs/system.h"
#include "tap.h"

#define SIZE ((size_t)32)

static PtrsBlock
make(size_t size, int byte)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_alloc(ptrs_system_allocator(), size, 16, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_fill(block, 0, size, byte), PTRS_STATUS_SUCCESS);
  return block;
}

static void
destroy(PtrsBlock block)
{
  CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
}

typedef struct {
  size_t offset;
  size_t size;
  bool inside;
} Range;

static const Range ranges[] = {
    {0, 0, true},
    {0, SIZE, true},
    {SIZE, 0, true},
    {SIZE - 1, 1, true},
    {5, 7, true},
    {0, SIZE + 1, false},
    {1, SIZE, false},
    {SIZE, 1, false},
    {SIZE + 1, 0, false},
    {SIZE + 1, SIZE_MAX, false}, // the sum wraps to SIZE
    {1, SIZE_MAX, false},        // the sum wraps to 0
    {SIZE_MAX, 1, false},
    {SIZE_MAX - SIZE + 1, SIZE, false},
    {SIZE_MAX, SIZE_MAX, false},
    {0, SIZE_MAX, false},
    {SIZE_MAX, 0, false},
};

#define N_RANGES (sizeof(ranges) / sizeof(ranges[0]))

static void
ranges_are_checked(void)
{
  const PtrsBlock a = make(SIZE, 0x21);
  const PtrsBlock b = make(SIZE, 0x21);
  for (size_t i = 0; i < N_RANGES; ++i) {
    const size_t offset       = ranges[i].offset;
    const size_t size         = ranges[i].size;
    const PtrsStatus expected = ranges[i].inside ? PTRS_STATUS_SUCCESS : PTRS_STATUS_OUT_OF_BOUNDS;
    uint8_t data[SIZE];
    memset(data, 0x21, SIZE);
    int order = 9;

    CHECK_EQ(ptrs_block_read(a, offset, size, data), expected);
    CHECK_EQ(ptrs_block_write(a, offset, size, data), expected);
    CHECK_EQ(ptrs_block_fill(a, offset, size, 0x21), expected);
    CHECK_EQ(ptrs_block_copy(a, offset, b, 0, size > SIZE ? SIZE : size),
             offset <= SIZE && (size > SIZE ? SIZE : size) <= SIZE - offset
                 ? PTRS_STATUS_SUCCESS
                 : PTRS_STATUS_OUT_OF_BOUNDS);
    CHECK_EQ(ptrs_block_copy(a, offset, b, offset, size), expected);
    CHECK_EQ(ptrs_block_copy(a, offset, a, offset, size), expected);
    CHECK_EQ(ptrs_block_compare(a, offset, a, offset, size, &order), expected);
    CHECK_EQ(order, ranges[i].inside ? 0 : 9);
    CHECK_EQ(ptrs_block_compare(a, offset, b, offset, size, &order), expected);
    CHECK_EQ(order, ranges[i].inside ? 0 : 9);
    CHECK_FILLED(data, SIZE, 0x21);

    // One of the two ranges is outside, the other inside
    if (!ranges[i].inside && size <= SIZE) {
      CHECK_EQ(ptrs_block_copy(a, 0, b, offset, size), expected);
      CHECK_EQ(ptrs_block_copy(a, 0, a, offset, size), expected);
      CHECK_EQ(ptrs_block_copy(a, offset, a, 0, size), expected);
      CHECK_EQ(ptrs_block_compare(a, 0, b, offset, size, &order), expected);
      CHECK_EQ(ptrs_block_compare(a, offset, b, 0, size, &order), expected);
      CHECK_EQ(ptrs_block_compare(a, 0, a, offset, size, &order), expected);
      CHECK_EQ(ptrs_block_compare(a, offset, a, 0, size, &order), expected);
      CHECK_EQ(order, 9);
    }
  }
  // No failed call still counts as a reader: both blocks can be held exclusively
  check_block(a, SIZE, 0, 0x21);
  check_block(b, SIZE, 0, 0x21);
  destroy(a);
  destroy(b);
}

// The bound is the requested size, not the capacity
static void
slack_is_out_of_bounds(void)
{
  const PtrsBlock block = make(5, 1);
  char data[1]          = {1};
  CHECK_EQ(ptrs_block_read(block, 5, 1, data), PTRS_STATUS_OUT_OF_BOUNDS);
  CHECK_EQ(ptrs_block_write(block, 5, 1, data), PTRS_STATUS_OUT_OF_BOUNDS);
  CHECK_EQ(ptrs_block_realloc(block, 4), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_read(block, 4, 1, data), PTRS_STATUS_OUT_OF_BOUNDS);
  destroy(block);
}

static void
bytes_go_where_they_should(void)
{
  const PtrsBlock block = make(SIZE, '.');
  char data[SIZE]       = {0};
  CHECK_EQ(ptrs_block_write(block, 3, 5, "hello"), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_read(block, 0, SIZE, data), PTRS_STATUS_SUCCESS);
  CHECK(!memcmp(data, "...hello........................", SIZE));

  CHECK_EQ(ptrs_block_fill(block, 30, 2, 0x100 + 'z'), PTRS_STATUS_SUCCESS); // as memset(3)
  CHECK_EQ(ptrs_block_read(block, 29, 3, data), PTRS_STATUS_SUCCESS);
  CHECK(!memcmp(data, ".zz.", 3));
  destroy(block);
}

// A call for no bytes needs no address
static void
nothing_needs_no_buffer(void)
{
  const PtrsBlock block = make(0, 0);
  CHECK_EQ(ptrs_block_read(block, 0, 0, NULL), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_write(block, 0, 0, NULL), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_write_unsafe(block, 0, 0, NULL), PTRS_STATUS_SUCCESS);
  destroy(block);
}

static void
copies_may_overlap(void)
{
  for (size_t from = 0; from <= 16; ++from) {
    for (size_t to = 0; to <= 16; ++to) {
      const PtrsBlock block = make(SIZE, 0);
      uint8_t model[SIZE];
      uint8_t data[SIZE];
      for (size_t i = 0; i < SIZE; ++i) {
        model[i] = (uint8_t)i;
      }
      CHECK_EQ(ptrs_block_write(block, 0, SIZE, model), PTRS_STATUS_SUCCESS);
      memmove(model + to, model + from, 16);
      CHECK_EQ(ptrs_block_copy(block, to, block, from, 16), PTRS_STATUS_SUCCESS);
      CHECK_EQ(ptrs_block_read(block, 0, SIZE, data), PTRS_STATUS_SUCCESS);
      CHECK(!memcmp(model, data, SIZE));
      destroy(block);
    }
  }
}

// Two blocks over the same bytes
static void
adopted_copies_may_overlap(void)
{
  uint8_t mem[64];
  uint8_t model[64];
  for (size_t i = 0; i < 64; ++i) {
    mem[i] = model[i] = (uint8_t)i;
  }
  PtrsBlock a = 0;
  PtrsBlock b = 0;
  CHECK_EQ(ptrs_block_adopt(mem, 48, 1, PTRS_BLOCK_NOT_FREEABLE, &a), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_adopt(mem + 8, 48, 1, PTRS_BLOCK_NOT_FREEABLE, &b), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_copy(b, 0, a, 0, 48), PTRS_STATUS_SUCCESS);
  memmove(model + 8, model, 48);
  CHECK(!memcmp(mem, model, 64));
  CHECK_EQ(ptrs_block_copy(a, 0, b, 0, 48), PTRS_STATUS_SUCCESS);
  memmove(model, model + 8, 48);
  CHECK(!memcmp(mem, model, 64));
  CHECK_EQ(ptrs_block_disown(a), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_disown(b), PTRS_STATUS_SUCCESS);
}

static void
copies_between_blocks(void)
{
  const PtrsBlock a = make(100, 0x0A);
  const PtrsBlock b = make(50, 0x0B);
  uint8_t data[100];
  CHECK_EQ(ptrs_block_copy(a, 25, b, 0, 50), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_read(a, 0, 100, data), PTRS_STATUS_SUCCESS);
  CHECK_FILLED(data, 25, 0x0A);
  CHECK_FILLED(data + 25, 50, 0x0B);
  CHECK_FILLED(data + 75, 25, 0x0A);
  CHECK_EQ(ptrs_block_copy(b, 40, a, 90, 10), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_read(b, 0, 50, data), PTRS_STATUS_SUCCESS);
  CHECK_FILLED(data, 40, 0x0B);
  CHECK_FILLED(data + 40, 10, 0x0A);
  destroy(a);
  destroy(b);
}

static int
order_of(PtrsBlock a, size_t a_offset, PtrsBlock b, size_t b_offset, size_t size)
{
  int order = 9;
  CHECK_EQ(ptrs_block_compare(a, a_offset, b, b_offset, size, &order), PTRS_STATUS_SUCCESS);
  return order;
}

static void
compare_orders_unsigned_bytes(void)
{
  const PtrsBlock low  = make(16, 0x7F);
  const PtrsBlock high = make(16, 0x7F);
  CHECK_EQ(order_of(low, 0, high, 0, 16), 0);
  CHECK_EQ(ptrs_block_fill(high, 15, 1, 0x80), PTRS_STATUS_SUCCESS);
  CHECK_EQ(order_of(low, 0, high, 0, 16), -1);
  CHECK_EQ(order_of(high, 0, low, 0, 16), 1);
  CHECK_EQ(order_of(low, 0, high, 0, 15), 0);
  CHECK_EQ(order_of(high, 15, low, 0, 0), 0); // empty ranges are equal
  CHECK_EQ(order_of(high, 15, high, 0, 1), 1);
  CHECK_EQ(order_of(high, 0, high, 15, 1), -1);
  CHECK_EQ(order_of(high, 0, high, 1, 14), 0);
  destroy(low);
  destroy(high);
}

// A block inside an array of the test, so that a write past its end harms nothing
static void
unsafe_writes_have_no_bound(void)
{
  uint8_t mem[64] = {0};
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_adopt(mem, 16, 1, PTRS_BLOCK_NOT_FREEABLE, &block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_write_unsafe(block, 12, 8, "abcdefgh"), PTRS_STATUS_SUCCESS);
  CHECK_FILLED(mem, 12, 0);
  CHECK(!memcmp(mem + 12, "abcdefgh", 8));
  CHECK_FILLED(mem + 20, 44, 0);
  CHECK_EQ(ptrs_block_write_unsafe(block, 40, 2, "ij"), PTRS_STATUS_SUCCESS);
  CHECK(!memcmp(mem + 40, "ij", 2));

  CHECK_EQ(ptrs_block_write_unsafe(block, SIZE_MAX, 1, "x"), PTRS_STATUS_OVERFLOW);
  CHECK_EQ(ptrs_block_write_unsafe(block, 1, SIZE_MAX, "x"), PTRS_STATUS_OVERFLOW);
  CHECK_EQ(ptrs_block_write_unsafe(block, PTRS_SIZE_MAX, 1, "x"), PTRS_STATUS_OVERFLOW);
  CHECK_EQ(ptrs_block_disown(block), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_write_unsafe(block, 0, 1, "x"), PTRS_STATUS_STALE);
  CHECK_EQ(mem[0], 0);
}

static void
entries_show_the_block(void)
{
  const PtrsBlock block = make(20, 0x31);
  PtrsBlockInfo info    = {0};
  PtrsEntry entry       = {0};
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_enter(block, PTRS_ACCESS_EXCLUSIVE, &entry), PTRS_STATUS_SUCCESS);
  CHECK_PTR(entry.mem, info.mem);
  CHECK_EQ(entry.size, 20);
  CHECK_EQ(entry.capacity, info.capacity);
  entry.mem[0] = 0x32;
  ptrs_block_leave(&entry);

  // Two readers at the same time
  PtrsEntry other = {0};
  CHECK_EQ(ptrs_block_enter(block, PTRS_ACCESS_SHARED, &entry), PTRS_STATUS_SUCCESS);
  CHECK_EQ(ptrs_block_enter(block, PTRS_ACCESS_SHARED, &other), PTRS_STATUS_SUCCESS);
  CHECK_EQ(other.mem[0], 0x32);
  ptrs_block_leave(&entry);
  ptrs_block_leave(&other);
  destroy(block);
}

// The caller's bytes may be the block's own, by its address or a view of it.  memcpy(3)
// happens to copy some such ranges correctly; AddressSanitizer finds every one.
static void
bytes_may_overlap_the_block(void)
{
  static const size_t shifts[] = {0, 1, 8, 63};
  const size_t size            = 4000;
  for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); ++i) {
    for (int down = 0; down <= 1; ++down) {
      const size_t from = down ? shifts[i] : 0;
      const size_t to   = down ? 0 : shifts[i];
      PtrsBlock block   = 0;
      void *mem         = NULL;
      CHECK_EQ(ptrs_block_zalloc(ptrs_system_allocator(), size + 64, 16, &block),
               PTRS_STATUS_SUCCESS);
      CHECK_EQ(ptrs_block_pin(block, &mem), PTRS_STATUS_SUCCESS);
      uint8_t *const bytes = (uint8_t *)mem;
      for (size_t at = 0; at < size + 64; ++at) {
        bytes[at] = (uint8_t)(at % 251);
      }
      CHECK_EQ(ptrs_block_write(block, to, size, bytes + from), PTRS_STATUS_SUCCESS);
      CHECK_EQ(bytes[to], from % 251);
      CHECK_EQ(bytes[to + size - 1], (from + size - 1) % 251);
      CHECK_EQ(ptrs_block_read(block, to, size, bytes + from), PTRS_STATUS_SUCCESS);
      CHECK_EQ(bytes[from], from % 251);
      CHECK_EQ(bytes[from + size - 1], (from + size - 1) % 251);
      CHECK_EQ(ptrs_block_unpin(block), PTRS_STATUS_SUCCESS);
      CHECK_EQ(ptrs_block_free(block), PTRS_STATUS_SUCCESS);
    }
  }
}

int
main(void)
{
  TAP_RUN(bytes_may_overlap_the_block);
  TAP_RUN(ranges_are_checked);
  TAP_RUN(slack_is_out_of_bounds);
  TAP_RUN(bytes_go_where_they_should);
  TAP_RUN(nothing_needs_no_buffer);
  TAP_RUN(copies_may_overlap);
  TAP_RUN(adopted_copies_may_overlap);
  TAP_RUN(copies_between_blocks);
  TAP_RUN(compare_orders_unsigned_bytes);
  TAP_RUN(unsafe_writes_have_no_bound);
  TAP_RUN(entries_show_the_block);
  return tap_end();
}
