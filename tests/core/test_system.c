// SPDX-License-Identifier: MIT
#include "ptrs/system.h"

#include "conformance.h"
#include "tap.h"

static void
there_is_one(void)
{
  CHECK(ptrs_system_allocator());
  CHECK_PTR(ptrs_system_allocator(), ptrs_system_allocator());
}

int
main(void)
{
  TAP_RUN(there_is_one);
  conformance_run(ptrs_system_allocator());
  return tap_end();
}
