// SPDX-License-Identifier: MIT
#include "ptrs/status.h"

const char *
ptrs_strerror(PtrsStatus status)
{
  // No default: a new status without a text is a compiler warning
  switch (status) {
  case PTRS_STATUS_SUCCESS:
    return "success";
  case PTRS_STATUS_NO_MEM:
    return "out of memory";
  case PTRS_STATUS_BAD_ARG:
    return "invalid argument";
  case PTRS_STATUS_OVERFLOW:
    return "size or count too large";
  case PTRS_STATUS_OUT_OF_BOUNDS:
    return "range outside of the block";
  case PTRS_STATUS_BAD_HANDLE:
    return "handle was never a block";
  case PTRS_STATUS_STALE:
    return "block has been freed";
  case PTRS_STATUS_PINNED:
    return "block is pinned";
  case PTRS_STATUS_NOT_FREEABLE:
    return "block cannot be freed: its memory was adopted";
  case PTRS_STATUS_STACK_EXHAUSTED:
    return "not enough room on this thread's stack";
  case PTRS_STATUS_NOT_SUPPORTED:
    return "not supported for this block, allocator or platform";
  case PTRS_STATUS_OS:
    return "operating system refused a request";
  case PTRS_STATUS_FOREIGN:
    return "foreign library or symbol missing";
  case PTRS_STATUS_CORRUPT:
    return "bytes are not the image of an object";
  case PTRS_STATUS_TOO_LARGE:
    return "size or alignment beyond what the allocator serves";
  case PTRS_STATUS_CLOSED:
    return "allocator is closed";
  case PTRS_STATUS_TOO_DEEP:
    return "too many parents above the allocator";
  }
  return "unknown status";
}
