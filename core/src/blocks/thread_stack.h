// SPDX-License-Identifier: MIT
// The calling thread's stack: its ends, and how many bytes blocks take of it.
#ifndef PTRS_THREAD_STACK_H
#define PTRS_THREAD_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ptrs/status.h"

typedef struct {
  uintptr_t low;
  uintptr_t high;
  size_t held; // bytes of the thread's live stack blocks
  bool known;  // the system has told the ends
} PtrsThreadStack;

// The calling thread's stack.  NO_MEM, NOT_SUPPORTED if its ends are not known.
PtrsStatus ptrs_thread_stack(PtrsThreadStack **stack);

// Whether memory lies on the calling thread's stack; false before ptrs_thread_stack() has
// succeeded.  Takes no lock and no memory.
bool ptrs_thread_stack_has(const void *mem);

#endif
