// SPDX-License-Identifier: MIT
/**
 * @file stack.h
 * The trampoline: call a function with a block of stack memory.
 *
 *     high   |  caller's frames     |
 *            +----------------------+  <- ptrs_stack_call()
 *            |  block: size bytes   |     alloca(3), aligned
 *            +----------------------+  <- fn(block, mem, size, ctx)
 *            |  frames of fn        |
 *            |  room that must stay |     at least the reserve
 *     low    +----------------------+  <- end of this thread's stack
 *
 * The memory exists while `fn` runs.  It is popped only after every access
 * that another thread has under way has left the block; from then on every
 * handle to it is stale.
 *
 * The room is checked before anything is allocated:
 *
 * - at least clamp(stack / 8, 32 KiB, 256 KiB) must stay free for `fn`;
 * - the stack blocks that one thread holds at a time together take at most a
 *   quarter of its stack.  Interpreters that count calls and not bytes have
 *   chosen their limits for a whole stack.
 *
 * In the child of a fork(2), the blocks of other threads than the one that forked
 * have ended: their stacks go to the threads that start there.
 *
 * Not caught: leaving `fn` by longjmp(3), pthread_exit(3) or a switch to
 * another stack.  The block then stays live while its memory is not.
 */
#ifndef PTRS_STACK_H
#define PTRS_STACK_H

#include <stddef.h>

#include "ptrs/attributes.h"
#include "ptrs/block.h"
#include "ptrs/status.h"

/* cdef: begin */
typedef void (*PtrsStackFunction)(PtrsBlock block, void *mem, size_t size, void *ctx);

/**
 * Call `fn` with `size` zero bytes of this thread's stack.
 *
 * @param size Bytes; 0 is allowed.
 * @param align Bytes; a power of two up to PTRS_ALIGN_MAX (else BAD_ARG).
 * @param limit Bytes that the stack blocks of this thread may take together,
 *        where that is less than a quarter of the stack; 0: no such limit.
 * @param fn Called once, on this thread.  The block is not freeable and not
 *        pinnable.
 * @param ctx Passed on.
 * @return STACK_EXHAUSTED when there is not enough room, NO_MEM when the
 *         block table cannot grow or the thread library has no memory to
 *         answer, NOT_SUPPORTED on a stack that the thread library does not
 *         know (then `fn` was not called).
 */
PTRS_API PtrsStatus
ptrs_stack_call(size_t size, size_t align, size_t limit, PtrsStackFunction fn, void *ctx);

/**
 * A `size` that ptrs_stack_call() grants here and now, from the same function,
 * with the default alignment and this limit.
 *
 * The greatest one, where the blocks' share of the stack or the limit decides;
 * up to 2 KiB less than that where the room that is left decides, since the
 * frames of the two functions differ by as much.
 */
PTRS_API PtrsStatus ptrs_stack_available(size_t limit, size_t *size);

/**
 * The bytes to which this thread's stack may grow in all, used ones included,
 * as they were when the thread first asked.  For callers that choose a limit.
 */
PTRS_API PtrsStatus ptrs_stack_size(size_t *size);
/* cdef: end */

#endif
