// SPDX-License-Identifier: MIT
#include "batch.h"

#include "harness.h"

void
queue_init(Queue *queue, unsigned n_makers, size_t most_pieces)
{
  (void)pthread_mutex_init(&queue->mutex, NULL);
  (void)pthread_cond_init(&queue->filled, NULL);
  (void)pthread_cond_init(&queue->emptied, NULL);
  queue->full     = NULL;
  queue->spare    = NULL;
  queue->n_full   = 0;
  queue->n_makers = n_makers;
  queue->most     = most_pieces;
}

static size_t
batch_size(const Queue *queue)
{
  return sizeof(Batch) + queue->most * sizeof(Piece);
}

void
queue_destroy(Queue *queue)
{
  while (queue->spare) {
    Batch *const batch = queue->spare;
    queue->spare       = batch->next;
    harness_unmap(batch, 1, batch_size(queue));
  }
  (void)pthread_cond_destroy(&queue->filled);
  (void)pthread_cond_destroy(&queue->emptied);
  (void)pthread_mutex_destroy(&queue->mutex);
}

Batch *
batch_new(Run *run, Queue *queue, size_t count)
{
  (void)pthread_mutex_lock(&queue->mutex);
  Batch *batch = queue->spare;
  if (batch) {
    queue->spare = batch->next;
  }
  (void)pthread_mutex_unlock(&queue->mutex);
  if (!batch) {
    batch = (Batch *)harness_map(1, batch_size(queue));
  }
  if (!batch) {
    (void)run_out_of_memory(run, batch_size(queue));
    return NULL;
  }
  if (!run_alloc(run, (count + 1) * sizeof(void *), &batch->node)) {
    queue_spare(queue, batch);
    return NULL;
  }
  return batch;
}

void
queue_put(Queue *queue, Batch *batch, size_t most)
{
  (void)pthread_mutex_lock(&queue->mutex);
  while (queue->n_full >= most) {
    (void)pthread_cond_wait(&queue->emptied, &queue->mutex);
  }
  batch->next = queue->full;
  queue->full = batch;
  ++queue->n_full;
  (void)pthread_cond_signal(&queue->filled);
  (void)pthread_mutex_unlock(&queue->mutex);
}

void
queue_leave(Queue *queue)
{
  (void)pthread_mutex_lock(&queue->mutex);
  --queue->n_makers;
  (void)pthread_cond_broadcast(&queue->filled);
  (void)pthread_mutex_unlock(&queue->mutex);
}

static Batch *
take(Queue *queue, bool waits)
{
  (void)pthread_mutex_lock(&queue->mutex);
  while (waits && !queue->full && queue->n_makers) {
    (void)pthread_cond_wait(&queue->filled, &queue->mutex);
  }
  Batch *const batch = queue->full;
  if (batch) {
    queue->full = batch->next;
    --queue->n_full;
    (void)pthread_cond_signal(&queue->emptied);
  }
  (void)pthread_mutex_unlock(&queue->mutex);
  return batch;
}

Batch *
queue_take(Queue *queue)
{
  return take(queue, false);
}

Batch *
queue_wait(Queue *queue)
{
  return take(queue, true);
}

bool
batch_free(Run *run, Batch *batch)
{
  bool good = true;
  for (size_t i = 0; i < batch->count; ++i) {
    good = run_free(run, &batch->pieces[i]) && good;
  }
  batch->count = 0;
  return run_free(run, &batch->node) && good;
}

void
queue_spare(Queue *queue, Batch *batch)
{
  (void)pthread_mutex_lock(&queue->mutex);
  batch->next  = queue->spare;
  queue->spare = batch;
  (void)pthread_mutex_unlock(&queue->mutex);
}

size_t
queue_count(Queue *queue)
{
  (void)pthread_mutex_lock(&queue->mutex);
  const size_t count = queue->n_full;
  (void)pthread_mutex_unlock(&queue->mutex);
  return count;
}
