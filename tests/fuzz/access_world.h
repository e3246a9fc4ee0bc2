// SPDX-License-Identifier: MIT
// The subjects of the access layer's calls: blocks with their model, pin guards and
// loads; and those calls that concern blocks, not the values in them.
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

// The status of a result, which is a negated status if the call failed
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

// Free all blocks, and check that the allocators have none left
void world_finish(World *world);

#endif
