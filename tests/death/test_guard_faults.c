// SPDX-License-Identifier: MIT
// An access just outside a block of a guard allocator, or after its free: the program
// ends at that instruction, and names the block.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocators/guard/table.h"
#include "death.h"
#include "ptrs/block.h"
#include "ptrs/guard.h"

#define QUARANTINE ((size_t)1 << 20)

static PtrsAllocator *guard;

static void
begin(unsigned flags, int fd)
{
  if (ptrs_guard_new(flags, QUARANTINE, &guard) || ptrs_guard_report_faults(fd)) {
    leave(99);
  }
}

static char *
block_of(size_t size, size_t align, const char *label)
{
  char *const mem = (char *)guard->alloc(guard, size, align);
  if (!mem || (label && ptrs_guard_label(mem, label))) {
    leave(98);
  }
  memset(mem, 'b', size);
  return mem;
}

static void
store(char *address)
{
  *(volatile char *)address = 1;
}

static void
load(const char *address)
{
  (void)*(const volatile char *)address;
}

static void
store_past_the_end(void)
{
  begin(0, 2);
  char *const mem = block_of(24, 8, "example.py:12");
  store(mem + 23);
  expect_fault(mem + 24, "1 byte past the end", "live", "24 bytes", mem, "example.py:12");
  store(mem + 24);
}

static void
load_past_the_end(void)
{
  begin(0, 2);
  char *const mem = block_of(1, 1, NULL);
  load(mem);
  expect_fault(mem + 1, "1 byte past the end", "live", "1 byte", mem, NULL);
  load(mem + 1);
}

// Bytes between the end and the guard page can be written: free checks these
static void
store_behind_the_rest(void)
{
  begin(0, 2);
  char *const mem = block_of(10, 16, "a");
  store(mem + 15);
  expect_fault(mem + 16, "7 bytes past the end", "live", "10 bytes", mem, "a");
  store(mem + 16);
}

static void
store_into_no_bytes(void)
{
  begin(0, 2);
  char *const mem = block_of(0, 16, "none");
  expect_fault(mem, "1 byte past the end", "live", "0 bytes", mem, "none");
  store(mem);
}

static void
store_before_the_start(void)
{
  begin(PTRS_GUARD_UNDERFLOW, 2);
  char *const mem = block_of(5000, 64, "under");
  store(mem);
  expect_fault(mem - 1, "1 byte before the start", "live", "5000 bytes", mem, "under");
  store(mem - 1);
}

// Functions of the C library are caught as well
static void
fill_too_much(void)
{
  begin(0, 2);
  char *const mem = block_of(4096, 16, "memset.py:1");
  expect_fault(mem + 4096, "1 byte past the end", "live", "4096 bytes", mem, "memset.py:1");
  for (volatile size_t i = 0; i < 4096 + 1; ++i) {
    (void)memset(mem + i, 0, 1);
  }
}

static void
copy_out_too_much(void)
{
  begin(0, 2);
  char *const mem       = block_of(100, 4, NULL);
  volatile size_t count = 101;
  char copy[128];
  expect_fault(mem + 100, "1 byte past the end", "live", "100 bytes", mem, NULL);
  for (size_t i = 0; i < count; ++i) {
    copy[i] = *(volatile char *)(mem + i);
  }
  leave(copy[0]);
}

static void
load_after_free(void)
{
  begin(0, 2);
  char *const mem = block_of(40, 8, "freed.py:7");
  guard->free(guard, mem, 40, 8);
  expect_fault(mem + 3, "at offset 3", "freed", "40 bytes", mem, "freed.py:7");
  load(mem + 3);
}

static void
store_past_a_freed_one(void)
{
  begin(0, 2);
  char *const mem = block_of(40, 8, "freed.py:8");
  guard->free(guard, mem, 40, 8);
  expect_fault(mem + 41, "2 bytes past the end", "freed", "40 bytes", mem, "freed.py:8");
  store(mem + 41);
}

// A large block's pages went back to the system, but its address is known
static void
load_after_free_of_a_large_one(void)
{
  begin(0, 2);
  char *const mem = block_of(200000, 8, "large");
  guard->free(guard, mem, 200000, 8);
  expect_fault(mem + 199999, "at offset 199999", "freed", "200000 bytes", mem, "large");
  load(mem + 199999);
}

static void
load_after_realloc(void)
{
  begin(0, 2);
  char *const mem     = block_of(40, 8, "first");
  char *const resized = (char *)guard->realloc(guard, mem, 40, 48, 8);
  load(resized + 47);
  expect_fault(mem, "at offset 0", "freed", "40 bytes", mem, "first");
  load(mem);
}

static void
labels_move_with_blocks(void)
{
  begin(0, 2);
  char *const mem     = block_of(40, 8, "first");
  char *const resized = (char *)guard->realloc(guard, mem, 40, 48, 8);
  expect_fault(resized + 48, "1 byte past the end", "live", "48 bytes", resized, "first");
  load(resized + 48);
}

// Where an address was used again, the report names the new block
static void
labels_end_with_addresses(void)
{
  begin(0, 2);
  PtrsAllocator *other = NULL;
  if (ptrs_guard_new(0, 0, &other)) {
    return;
  }
  char *const mem = (char *)other->alloc(other, 40, 8);
  (void)ptrs_guard_label(mem, "old");
  other->free(other, mem, 40, 8);
  char *const again = (char *)other->alloc(other, 32, 8);
  expect_fault(again + 32, "1 byte past the end", "live", "32 bytes", again, NULL);
  load(again + 32);
}

static void
checked_blocks_by_address(void)
{
  begin(0, 2);
  PtrsBlock block = 0;
  void *mem       = NULL;
  if (ptrs_block_zalloc(guard, 64, 16, &block) || ptrs_block_pin(block, &mem)) {
    return;
  }
  (void)ptrs_guard_label(mem, "pinned");
  expect_fault((char *)mem + 64, "1 byte past the end", "live", "64 bytes", mem, "pinned");
  store((char *)mem + 64);
}

static void
long_labels_keep_their_end(void)
{
  begin(0, 2);
  char label[400];
  memset(label, 'x', sizeof(label));
  memcpy(label + sizeof(label) - 5, "y:12", 5);
  char *const mem = block_of(8, 8, label);
  char wanted[160];
  memcpy(wanted, "...", 3);
  memcpy(wanted + 3, label + sizeof(label) - 157, 157);
  expect_fault(mem + 8, "1 byte past the end", "live", "8 bytes", mem, wanted);
  load(mem + 8);
}

static void
labels_are_one_line(void)
{
  begin(0, 2);
  char *const mem = block_of(8, 8, "a\nb\033[31m\xc3\xa4\x7f");
  expect_fault(mem + 8, "1 byte past the end", "live", "8 bytes", mem, "a?b?[31m\xc3\xa4?");
  load(mem + 8);
}

static void *
miss_in_thread(void *argument)
{
  load((char *)argument + 16);
  return NULL;
}

static void
in_another_thread(void)
{
  begin(0, 2);
  pthread_t thread;
  char *const mem = block_of(16, 16, "thread");
  expect_fault(mem + 16, "1 byte past the end", "live", "16 bytes", mem, "thread");
  (void)pthread_create(&thread, NULL, miss_in_thread, mem);
  (void)pthread_join(thread, NULL);
}

static void
in_the_child_of_a_fork(void)
{
  begin(0, 2);
  char *const mem = block_of(16, 16, "fork");
  expect_fault(mem + 16, "1 byte past the end", "live", "16 bytes", mem, "fork");
  const pid_t pid = fork();
  if (!pid) {
    load(mem + 16);
    leave(0);
  }
  int status = 0;
  (void)waitpid(pid, &status, 0);
  leave(WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

// A handler takes no lock
static void
while_the_table_is_locked(void)
{
  begin(0, 2);
  char *const mem = block_of(16, 16, "locked");
  expect_fault(mem + 16, "1 byte past the end", "live", "16 bytes", mem, "locked");
  ptrs_guard_lock();
  load(mem + 16);
}

// A fault between two blocks is reported of the nearer one
static void
among_many_blocks(void)
{
  begin(0, 2);
  char *blocks[1000];
  for (size_t i = 0; i < 1000; ++i) {
    blocks[i] = block_of(4096, 8, NULL);
  }
  (void)ptrs_guard_label(blocks[777], "this one");
  expect_fault(blocks[777] + 4100, "5 bytes past the end", "live", "4096 bytes", blocks[777],
               "this one");
  store(blocks[777] + 4100);
}

static void
far_from_all_blocks(void)
{
  begin(0, 2);
  (void)block_of(16, 16, "innocent");
  load((char *)mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + (1 << 19));
}

static void
null_pointers(void)
{
  begin(0, 2);
  (void)block_of(16, 16, "innocent");
  char *volatile null = NULL;
  load(null + 8);
}

static void
not_asked_for(void)
{
  begin(0, -1);
  store(block_of(16, 16, "quiet") + 16);
}

static void
not_asked_for_any_more(void)
{
  begin(0, 2);
  (void)ptrs_guard_report_faults(-1);
  store(block_of(16, 16, "quiet") + 16);
}

static void
asked_for_twice(void)
{
  begin(0, 1);
  (void)ptrs_guard_report_faults(2);
  char *const mem = block_of(16, 16, "once");
  expect_fault(mem + 16, "1 byte past the end", "live", "16 bytes", mem, "once");
  store(mem + 16);
}

static void
overwritten_beside(void)
{
  begin(0, 2);
  char *const mem = block_of(10, 16, "slack.py:3");
  store(mem + 12);
  expect("pointers: overwritten: 3 bytes past the end of a block of 10 bytes at %p (slack.py:3)\n",
         (void *)mem);
  guard->free(guard, mem, 10, 16);

  char *const other = block_of(100, 1, NULL);
  store(other - 2);
  expect("pointers: overwritten: 2 bytes before the start of a block of 100 bytes at %p\n",
         (void *)other);
  ptrs_allocator_release(guard);
}

static const Death deaths[] = {
    {"store_past_the_end", store_past_the_end, SIGSEGV, 0},
    {"load_past_the_end", load_past_the_end, SIGSEGV, 0},
    {"store_behind_the_rest", store_behind_the_rest, SIGSEGV, 0},
    {"store_into_no_bytes", store_into_no_bytes, SIGSEGV, 0},
    {"store_before_the_start", store_before_the_start, SIGSEGV, 0},
    {"fill_too_much", fill_too_much, SIGSEGV, 0},
    {"copy_out_too_much", copy_out_too_much, SIGSEGV, 0},
    {"load_after_free", load_after_free, SIGSEGV, 0},
    {"store_past_a_freed_one", store_past_a_freed_one, SIGSEGV, 0},
    {"load_after_free_of_a_large_one", load_after_free_of_a_large_one, SIGSEGV, 0},
    {"load_after_realloc", load_after_realloc, SIGSEGV, 0},
    {"labels_move_with_blocks", labels_move_with_blocks, SIGSEGV, 0},
    {"labels_end_with_addresses", labels_end_with_addresses, SIGSEGV, 0},
    {"checked_blocks_by_address", checked_blocks_by_address, SIGSEGV, 0},
    {"long_labels_keep_their_end", long_labels_keep_their_end, SIGSEGV, 0},
    {"labels_are_one_line", labels_are_one_line, SIGSEGV, 0},
    {"in_another_thread", in_another_thread, SIGSEGV, 0},
    {"in_the_child_of_a_fork", in_the_child_of_a_fork, 0, SIGSEGV},
    {"while_the_table_is_locked", while_the_table_is_locked, SIGSEGV, 0},
    {"among_many_blocks", among_many_blocks, SIGSEGV, 0},
    {"far_from_all_blocks", far_from_all_blocks, SIGSEGV, 0},
    {"null_pointers", null_pointers, SIGSEGV, 0},
    {"not_asked_for", not_asked_for, SIGSEGV, 0},
    {"not_asked_for_any_more", not_asked_for_any_more, SIGSEGV, 0},
    {"asked_for_twice", asked_for_twice, SIGSEGV, 0},
    {"overwritten_beside", overwritten_beside, 0, 0},
};

int
main(void)
{
  return death_run(deaths, sizeof(deaths) / sizeof(deaths[0]));
}
