// SPDX-License-Identifier: MIT
#include "operations.h"

#include <string.h>

#include "ptrs/system.h"
#include "tap.h"

// The value of outputs before a call that must not write them
#define UNTOUCHED 0x5C

// The second block of a copy or comparison, a new one for each
static PtrsBlock
partner(void)
{
  PtrsBlock block = 0;
  CHECK_EQ(ptrs_block_zalloc(ptrs_system_allocator(), 8, 8, &block), PTRS_STATUS_SUCCESS);
  return block;
}

static PtrsStatus
call_read(PtrsBlock block)
{
  char data[1]            = {UNTOUCHED};
  const PtrsStatus status = ptrs_block_read(block, 0, 1, data);
  CHECK(!status || data[0] == UNTOUCHED);
  return status;
}

static PtrsStatus
call_read_nothing(PtrsBlock block)
{
  char data[1] = {UNTOUCHED};
  return ptrs_block_read(block, 0, 0, data);
}

static PtrsStatus
call_write(PtrsBlock block)
{
  return ptrs_block_write(block, 0, 1, "x");
}

static PtrsStatus
call_write_unsafe(PtrsBlock block)
{
  return ptrs_block_write_unsafe(block, 0, 1, "x");
}

static PtrsStatus
call_fill(PtrsBlock block)
{
  return ptrs_block_fill(block, 0, 1, 'x');
}

static PtrsStatus
call_copy_to(PtrsBlock block)
{
  const PtrsBlock src     = partner();
  const PtrsStatus status = ptrs_block_copy(block, 0, src, 0, 1);
  check_block(src, 8, 0, 0);
  CHECK_EQ(ptrs_block_free(src), PTRS_STATUS_SUCCESS);
  return status;
}

static PtrsStatus
call_copy_from(PtrsBlock block)
{
  const PtrsBlock dst     = partner();
  const PtrsStatus status = ptrs_block_copy(dst, 0, block, 0, 1);
  if (status) {
    check_block(dst, 8, 0, 0);
  }
  CHECK_EQ(ptrs_block_free(dst), PTRS_STATUS_SUCCESS);
  return status;
}

static PtrsStatus
call_copy_inside(PtrsBlock block)
{
  return ptrs_block_copy(block, 0, block, 0, 1);
}

static PtrsStatus
compare(PtrsBlock a, PtrsBlock b)
{
  int order               = UNTOUCHED;
  const PtrsStatus status = ptrs_block_compare(a, 0, b, 0, 1, &order);
  CHECK_EQ(order == UNTOUCHED, status != PTRS_STATUS_SUCCESS);
  return status;
}

static PtrsStatus
call_compare_left(PtrsBlock block)
{
  const PtrsBlock right   = partner();
  const PtrsStatus status = compare(block, right);
  CHECK_EQ(ptrs_block_free(right), PTRS_STATUS_SUCCESS);
  return status;
}

static PtrsStatus
call_compare_right(PtrsBlock block)
{
  const PtrsBlock left    = partner();
  const PtrsStatus status = compare(left, block);
  CHECK_EQ(ptrs_block_free(left), PTRS_STATUS_SUCCESS);
  return status;
}

static PtrsStatus
call_compare_inside(PtrsBlock block)
{
  return compare(block, block);
}

static PtrsStatus
call_info(PtrsBlock block)
{
  PtrsBlockInfo info;
  PtrsBlockInfo before;
  memset(&info, UNTOUCHED, sizeof(info));
  before                  = info;
  const PtrsStatus status = ptrs_block_info(block, &info);
  CHECK(!status || (info.mem == before.mem && info.size == before.size));
  return status;
}

static PtrsStatus
enter(PtrsBlock block, PtrsAccess access)
{
  PtrsEntry entry         = {0};
  const PtrsStatus status = ptrs_block_enter(block, access, &entry);
  if (status) {
    CHECK_PTR(entry.mem, NULL);
    CHECK_PTR(entry.slot, NULL);
  } else {
    ptrs_block_leave(&entry);
  }
  return status;
}

static PtrsStatus
call_enter_shared(PtrsBlock block)
{
  return enter(block, PTRS_ACCESS_SHARED);
}

static PtrsStatus
call_enter_exclusive(PtrsBlock block)
{
  return enter(block, PTRS_ACCESS_EXCLUSIVE);
}

static PtrsStatus
call_pin(PtrsBlock block)
{
  char untouched          = 0;
  void *mem               = &untouched;
  const PtrsStatus status = ptrs_block_pin(block, &mem);
  CHECK(!status || mem == &untouched);
  return status;
}

static PtrsStatus
refuse_to_be_called(const uint8_t *mem, size_t capacity, size_t new_size, void *ctx)
{
  (void)mem;
  (void)capacity;
  (void)new_size;
  (void)ctx;
  CHECK(!"the rule was called for a handle that names no block");
  return PTRS_STATUS_SUCCESS;
}

static PtrsStatus
call_realloc_if(PtrsBlock block)
{
  const PtrsResizeRules rules = {.check = refuse_to_be_called};
  return ptrs_block_realloc_if(block, 16, &rules);
}

static PtrsStatus
call_realloc(PtrsBlock block)
{
  return ptrs_block_realloc(block, 16);
}

const Operation operations[] = {
    {"read", call_read},
    {"read of nothing", call_read_nothing},
    {"write", call_write},
    {"write_unsafe", call_write_unsafe},
    {"fill", call_fill},
    {"copy to", call_copy_to},
    {"copy from", call_copy_from},
    {"copy inside", call_copy_inside},
    {"compare left", call_compare_left},
    {"compare right", call_compare_right},
    {"compare inside", call_compare_inside},
    {"info", call_info},
    {"enter shared", call_enter_shared},
    {"enter exclusive", call_enter_exclusive},
    {"pin", call_pin},
    {"unpin", ptrs_block_unpin},
    {"realloc", call_realloc},
    {"realloc_if", call_realloc_if},
    {"drop", ptrs_block_drop},
    {"disown", ptrs_block_disown},
    {"free", ptrs_block_free},
};

const size_t n_operations = sizeof(operations) / sizeof(operations[0]);

void
check_all_refuse(PtrsBlock block, PtrsStatus expected)
{
  for (size_t i = 0; i < n_operations; ++i) {
    const PtrsStatus status = operations[i].call(block);
    if (!CHECK_EQ(status, expected)) {
      CHECK_STR("", operations[i].name); // fails, to print the operation's name
    }
  }
}

void
check_block(PtrsBlock block, size_t size, unsigned pins, int byte)
{
  PtrsBlockInfo info = {0};
  CHECK_EQ(ptrs_block_info(block, &info), PTRS_STATUS_SUCCESS);
  CHECK_EQ(info.size, size);
  CHECK_EQ(info.pins, pins);

  uint8_t chunk[256];
  for (size_t offset = 0; offset < size; offset += sizeof(chunk)) {
    const size_t n = size - offset < sizeof(chunk) ? size - offset : sizeof(chunk);
    CHECK_EQ(ptrs_block_read(block, offset, n, chunk), PTRS_STATUS_SUCCESS);
    if (!CHECK_FILLED(chunk, n, byte)) {
      return;
    }
  }
}
