// SPDX-License-Identifier: MIT
#include "ptrs/stack.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/checked.h"
#include "blocks/lifetime.h"
#include "blocks/thread_stack.h"

#define RESERVE_MIN ((size_t)32 << 10)
#define RESERVE_MAX ((size_t)256 << 10)

// The stack blocks of a thread together take at most a quarter of its stack
#define SHARE 4

// An address in this frame, near the end of the stack in use; a macro, since
// the frame of a function would be another one
#define FRAME_ADDRESS ((uintptr_t)__builtin_frame_address(0))

// Bytes for the trampoline's own frame and the functions that it calls.  FRAME_ADDRESS in two
// functions with the same caller differs by less than this; the difference depends on the
// machine, on their arguments and on their variables.
#define FRAME_ROOM ((size_t)1024)

// Bytes that a stack block may take here, padding for its alignment included, if `frames`
// bytes of the stack are used before it.  NOT_SUPPORTED on a stack whose ends are not known.
static PtrsStatus
room(size_t limit, uintptr_t here, size_t frames, PtrsThreadStack **own, size_t *size)
{
  const PtrsStatus status = ptrs_thread_stack(own);
  if (status) {
    return status;
  }
  const PtrsThreadStack *const stack = *own;
  if (here < stack->low || here >= stack->high) {
    return PTRS_STATUS_NOT_SUPPORTED;
  }

  const size_t whole   = stack->high - stack->low;
  const size_t reserve = ptrs_clamp(whole / 8, RESERVE_MIN, RESERVE_MAX) + frames;
  const size_t left    = here - stack->low;
  const size_t share   = limit ? ptrs_min(limit, whole / SHARE) : whole / SHARE;

  const size_t by_room  = left > reserve ? left - reserve : 0;
  const size_t by_share = share > stack->held ? share - stack->held : 0;
  *size                 = ptrs_min(by_room, by_share);
  return PTRS_STATUS_SUCCESS;
}

// Not inlined: the memory is popped when this returns
__attribute__((noinline)) static PtrsStatus
call_with_memory(size_t size, size_t align, size_t padded, PtrsStackFunction fn, void *ctx)
{
  uint8_t *const raw = (uint8_t *)__builtin_alloca(padded);
  uint8_t *const mem = raw + ((align - ((uintptr_t)raw & (align - 1))) & (align - 1));
  memset(mem, 0, size);

  PtrsBlock block         = 0;
  const unsigned flags    = PTRS_BLOCK_NOT_FREEABLE | PTRS_BLOCK_NOT_PINNABLE;
  const PtrsStatus status = ptrs_lifetime_adopt(mem, size, align, flags, true, &block);
  if (status) {
    return status;
  }
  fn(block, mem, size, ctx);
  return ptrs_block_disown(block);
}

// Not inlined, nor is ptrs_stack_available(): an address in the frame of a caller
// can be any number of bytes away
__attribute__((noinline)) PtrsStatus
ptrs_stack_call(size_t size, size_t align, size_t limit, PtrsStackFunction fn, void *ctx)
{
  if (!fn || !ptrs_align_is_valid(align)) {
    return PTRS_STATUS_BAD_ARG;
  }
  PtrsThreadStack *stack = NULL;
  size_t available       = 0;
  PtrsStatus status      = room(limit, FRAME_ADDRESS, FRAME_ROOM, &stack, &available);
  if (status) {
    return status;
  }
  // A zero-sized block still has an address of its own
  size_t padded = 0;
  if (!ptrs_checked_add(size ? size : 1, align - 1, &padded) || padded > available) {
    return PTRS_STATUS_STACK_EXHAUSTED;
  }

  stack->held += padded;
  status = call_with_memory(size, align, padded, fn, ctx);
  stack->held -= padded;
  return status;
}

__attribute__((noinline)) PtrsStatus
ptrs_stack_available(size_t limit, size_t *size)
{
  PtrsThreadStack *stack  = NULL;
  size_t available        = 0;
  const PtrsStatus status = room(limit, FRAME_ADDRESS, 2 * FRAME_ROOM, &stack, &available);
  if (!status) {
    const size_t padding = PTRS_ALIGN_DEFAULT - 1;
    *size                = available > padding ? available - padding : 0;
  }
  return status;
}

PtrsStatus
ptrs_stack_size(size_t *size)
{
  PtrsThreadStack *stack  = NULL;
  const PtrsStatus status = ptrs_thread_stack(&stack);
  if (!status) {
    *size = stack->high - stack->low;
  }
  return status;
}
