// SPDX-License-Identifier: MIT
#include "shared.h"

#include <stdlib.h>

void
shared_init(Shared *shared)
{
  const Shared fresh = {.full = NULL, .spare = NULL};
  *shared            = fresh;
  (void)pthread_mutex_init(&shared->mutex, NULL);
}

static Batch *
pop(Shared *shared, Batch **list)
{
  (void)pthread_mutex_lock(&shared->mutex);
  Batch *const batch = *list;
  if (batch) {
    *list = batch->next;
  }
  (void)pthread_mutex_unlock(&shared->mutex);
  return batch;
}

static void
push(Shared *shared, Batch **list, Batch *batch)
{
  (void)pthread_mutex_lock(&shared->mutex);
  batch->next = *list;
  *list       = batch;
  (void)pthread_mutex_unlock(&shared->mutex);
}

void
shared_destroy(Shared *shared)
{
  for (Batch *batch = pop(shared, &shared->spare); batch; batch = pop(shared, &shared->spare)) {
    free(batch);
  }
  (void)pthread_mutex_destroy(&shared->mutex);
}

Batch *
shared_take_spare(Shared *shared)
{
  Batch *batch = pop(shared, &shared->spare);
  if (!batch) {
    batch = (Batch *)calloc(1, sizeof(Batch));
  }
  return batch;
}

void
shared_put_spare(Shared *shared, Batch *batch)
{
  push(shared, &shared->spare, batch);
}

void
shared_put(Shared *shared, Batch *batch)
{
  push(shared, &shared->full, batch);
}

Batch *
shared_take(Shared *shared)
{
  return pop(shared, &shared->full);
}

bool
batch_free(Run *run, Batch *batch)
{
  bool good = true;
  for (size_t i = 0; i < batch->count; ++i) {
    good = run_free(run, &batch->pieces[i]) && good;
  }
  batch->count = 0;
  return good;
}

bool
shared_drain(Run *run, Shared *shared)
{
  bool good = true;
  for (Batch *batch = shared_take(shared); batch; batch = shared_take(shared)) {
    good = batch_free(run, batch) && good;
    shared_put_spare(shared, batch);
  }
  return good;
}
