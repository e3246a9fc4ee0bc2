// SPDX-License-Identifier: MIT
#include "blocks/thread_stack.h"

#include <assert.h>

#include "os/os.h"

static_assert(sizeof(PtrsThreadStack) <= 4 * sizeof(void *),
              "little memory for thread-local variables");

// Still right in the child of a fork, where the thread has the same stack
static PTRS_OS_THREAD_LOCAL PtrsThreadStack own;

PtrsStatus
ptrs_thread_stack(PtrsThreadStack **stack)
{
  if (!own.known) {
    // Asking costs some 25 us on the main thread
    const PtrsStatus status = ptrs_os_stack_bounds(&own.low, &own.high);
    if (status) {
      return status;
    }
    own.known = true;
  }
  *stack = &own;
  return PTRS_STATUS_SUCCESS;
}

bool
ptrs_thread_stack_has(const void *mem)
{
  return own.known && (uintptr_t)mem >= own.low && (uintptr_t)mem < own.high;
}
