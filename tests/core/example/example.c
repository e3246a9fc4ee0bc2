// SPDX-License-Identifier: MIT
// A program that uses the installed library alone:
//
//     cc example.c $(pkg-config --cflags --libs ptrs)
#include <ptrs/block.h>
#include <ptrs/stack.h>
#include <ptrs/status.h>
#include <ptrs/system.h>

#include <stdio.h>
#include <string.h>

static void
greet(PtrsBlock block, void *mem, size_t size, void *ctx)
{
  char text[16] = {0};
  (void)mem;
  (void)ptrs_block_write(block, 0, strlen((const char *)ctx), ctx);
  (void)ptrs_block_read(block, 0, size, text);
  printf("on the stack: %s\n", text);
}

int
main(void)
{
  char text[6]      = {0};
  char greeting[]   = "hello";
  PtrsBlock block   = 0;
  PtrsStats stats   = {0};
  PtrsStatus status = ptrs_block_zalloc(ptrs_system_allocator(), 5, PTRS_ALIGN_DEFAULT, &block);
  if (status) {
    fprintf(stderr, "zalloc: %s\n", ptrs_strerror(status));
    return 1;
  }

  printf("write: %s\n", ptrs_strerror(ptrs_block_write(block, 0, 5, greeting)));
  printf("read: %s\n", ptrs_strerror(ptrs_block_read(block, 0, 5, text)));
  printf("text: %s\n", text);
  printf("write behind the end: %s\n", ptrs_strerror(ptrs_block_write(block, 1, 5, greeting)));
  printf("free: %s\n", ptrs_strerror(ptrs_block_free(block)));
  printf("free again: %s\n", ptrs_strerror(ptrs_block_free(block)));
  printf("read what is gone: %s\n", ptrs_strerror(ptrs_block_read(block, 0, 5, text)));

  ptrs_allocator_stats(ptrs_system_allocator(), &stats);
  printf("live blocks: %d\n", (int)stats.current_blocks);
  status = ptrs_stack_call(sizeof(greeting) + 4, PTRS_ALIGN_DEFAULT, 0, greet, greeting);
  printf("stack call: %s\n", ptrs_strerror(status));
  return status ? 1 : 0;
}
