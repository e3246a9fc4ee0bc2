// SPDX-License-Identifier: MIT
// What the access layer is tried on: blocks with their model, guards, loads;
// and its calls that are about blocks and not about what is stored in them.
#ifndef ACCESS_WORLD_H
#define ACCESS_WORLD_H

#include "access/access.h"
#include "access_input.h"
#include "block_model.h"
#include "fuzz.h"

#define N_GUARDS 6
#define N_LOADS 2

typedef struct {
  Model blocks;
  PtrsAccessPinGuard guards[N_GUARDS];
  PtrsAccessLoad loads[N_LOADS];
} World;

// The answer that is meant by a result that may be a negated status
static inline PtrsStatus
status_of(int64_t result)
{
  REQUIRE(result > -64);
  return result < 0 ? (PtrsStatus)-result : PTRS_STATUS_SUCCESS;
}

void world_allocate(Input *input, World *world);
void world_adopt(Input *input, World *world);
void world_resize(Input *input, World *world);
void world_end(Input *input, World *world, bool forgotten);
void world_begin_guard(Input *input, World *world);
void world_properties(Input *input, World *world);
void world_order(Input *input, World *world);

// Let everything go, and check that nothing is left
void world_finish(World *world);

#endif
