// SPDX-License-Identifier: MIT
// Batches of pieces that threads hand to each other.
#ifndef BATCH_H
#define BATCH_H

#include <pthread.h>
#include <stddef.h>

#include "workload.h"

typedef struct Batch {
  struct Batch *next;
  size_t count;
  Piece node; // what a program would keep the batch in: a pointer for each piece, and a link
  Piece pieces[];
} Batch;

// Last in, first out
typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t filled;
  pthread_cond_t emptied;
  Batch *full;
  Batch *spare; // used before; a batch itself is the harness's
  size_t most;  // pieces of a batch
  size_t n_full;
  unsigned n_makers;
} Queue;

void queue_init(Queue *queue, unsigned n_makers, size_t most_pieces);
void queue_destroy(Queue *queue);

// An empty batch with its node for `count` pieces; NULL if there is no memory.
Batch *batch_new(Run *run, Queue *queue, size_t count);

// Put a full batch in; waits while there are `most`.
void queue_put(Queue *queue, Batch *batch, size_t most);

// A maker will put nothing more.
void queue_leave(Queue *queue);

// A full batch; NULL if there is none, or there will be none.
Batch *queue_take(Queue *queue);
Batch *queue_wait(Queue *queue);

// How many full ones there are.
size_t queue_count(Queue *queue);

// Free all pieces of a batch and its node; and keep the batch.
bool batch_free(Run *run, Batch *batch);
void queue_spare(Queue *queue, Batch *batch);

#endif
