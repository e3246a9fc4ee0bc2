// SPDX-License-Identifier: MIT
// Pieces that threads hand to each other: places that each hold a batch or none.
#ifndef SHARED_H
#define SHARED_H

#include <pthread.h>
#include <stddef.h>

#include "workload.h"

#define BATCH_MAX 4096

typedef struct Batch {
  struct Batch *next;
  size_t count;
  Piece pieces[BATCH_MAX];
} Batch;

// A queue without end, and the batches that are empty
typedef struct {
  pthread_mutex_t mutex;
  Batch *full;
  Batch *spare;
} Shared;

void shared_init(Shared *shared);
void shared_destroy(Shared *shared);

// An empty batch; NULL if there is no memory.
Batch *shared_take_spare(Shared *shared);
void shared_put_spare(Shared *shared, Batch *batch);

void shared_put(Shared *shared, Batch *batch);

// A full batch, or NULL if there is none.
Batch *shared_take(Shared *shared);

// Free all pieces of a batch, and make it empty.
bool batch_free(Run *run, Batch *batch);

// Free what is left in the queue.
bool shared_drain(Run *run, Shared *shared);

#endif
