// SPDX-License-Identifier: MIT
// Workloads that stand for servers: long-lived sets of pieces that outlive the
// threads which made them, or move between them.
#include <pthread.h>
#include <sched.h>

#include "harness.h"
#include "random.h"
#include "workload.h"

// ---- larson.cpp, as mimalloc-bench runs it: 5 8 1000 5000 100 4141 THREADS ----

#define LARSON_LEAST 8         // min_size
#define LARSON_END 1000        // max_size, which is not reached
#define LARSON_PIECES 5000     // chperthread
#define LARSON_ROUNDS 100      // num_rounds: a thread's life is that times its places
#define LARSON_WARM_UP 4       // warmup() renews that many times its places
#define LARSON_GENERATIONS 100 // there five seconds of the clock
#define LARSON_LEAST_GENERATIONS 2
#define LARSON_LEAST_ROUNDS 4 // of runs so short that lives have to be, too

static size_t
larson_size(Random *random)
{
  return LARSON_LEAST + random_below(random, LARSON_END - LARSON_LEAST);
}

// In the main thread: make all pieces of all threads, shuffle them, renew
static bool
larson_warm_up(Run *run, Piece *pieces, size_t count)
{
  Random random = {run->seed + 1};
  bool good     = true;
  for (size_t i = 0; good && i < count; ++i) {
    good = run_alloc(run, larson_size(&random), &pieces[i]);
  }
  for (size_t i = count; good && i > 0; --i) {
    const size_t other = random_below(&random, i);
    const Piece piece  = pieces[other];
    pieces[other]      = pieces[i - 1];
    pieces[i - 1]      = piece;
  }
  for (size_t i = 0; good && i < LARSON_WARM_UP * count; ++i) {
    good = run_renew(run, larson_size(&random), &pieces[random_below(&random, count)]);
  }
  return good;
}

typedef struct {
  Run *own;
  Piece *pieces;
  Random random;
  size_t times;
  size_t left; // generations
  bool good;
} Session;

// One generation; then all is left to a thread that is its successor
static void *
larson_generation(void *argument)
{
  Session *const session = (Session *)argument;
  run_become(session->own);
  for (size_t i = 0; session->good && i < session->times; ++i) {
    session->good = run_renew(session->own, larson_size(&session->random),
                              &session->pieces[random_below(&session->random, LARSON_PIECES)]);
  }
  return NULL;
}

typedef struct {
  Piece *pieces;
  size_t generations;
  size_t rounds;
} Larson;

static bool
larson_thread(Run *own, unsigned index, void *ctx)
{
  const Larson *const larson = (const Larson *)ctx;
  Session session            = {.own    = own,
                                .pieces = &larson->pieces[(size_t)index * LARSON_PIECES],
                                .random = {own->seed},
                                .times  = larson->rounds * LARSON_PIECES,
                                .good   = true};
  for (size_t i = 0; session.good && i < larson->generations; ++i) {
    pthread_t successor;
    if (pthread_create(&successor, NULL, larson_generation, &session)) {
      return run_out_of_memory(own, 0);
    }
    (void)pthread_join(successor, NULL);
  }
  return session.good;
}

bool
run_larson(Run *run)
{
  const size_t count = (size_t)run->threads * LARSON_PIECES;
  const double lives = (double)LARSON_GENERATIONS / LARSON_LEAST_GENERATIONS;
  Larson larson      = {
           .generations = run_times(run, LARSON_GENERATIONS, LARSON_LEAST_GENERATIONS),
           .rounds      = run_times(run, lives * LARSON_ROUNDS, LARSON_LEAST_ROUNDS),
  };
  larson.rounds = larson.rounds < LARSON_ROUNDS ? larson.rounds : LARSON_ROUNDS;
  if (!run_fits(run, 504.0 * (double)larson.rounds * (double)count * (double)larson.generations)) {
    return false;
  }
  larson.pieces = (Piece *)harness_map(count, sizeof(Piece));
  if (!larson.pieces) {
    return run_out_of_memory(run, count * sizeof(Piece));
  }
  bool good = larson_warm_up(run, larson.pieces, count) &&
              run_on_threads(run, run->threads, larson_thread, &larson);
  run_retain(run);
  // There the process ends with all that lives; here it is looked at
  for (size_t i = 0; i < count; ++i) {
    good = run_free(run, &larson.pieces[i]) && good;
  }
  harness_unmap(larson.pieces, count, sizeof(Piece));
  return good;
}

// ---- mstress.c of mimalloc's tests, as mimalloc-bench runs it: THREADS 50 25 ----

#define STRESS_LOAD 50        // SCALE
#define STRESS_ROUNDS 25      // ITER; all threads are made anew in each
#define STRESS_TRANSFERS 1000 // TRANSFERS: places through which threads swap pieces
#define STRESS_SHIFT 5        // max_item_shift: 1 to 16 words
#define STRESS_KEPT_SHIFT 7   // max_item_retained_shift: 1 to 64 words

typedef struct {
  atomic_flag taken;
  Piece piece;
} Transfer;

static Transfer transfers[STRESS_TRANSFERS];

// chance() there says yes one time in a hundred more than it is asked
static bool
chance(Random *random, unsigned percent)
{
  return random_below(random, 100) <= percent;
}

static bool
stress_alloc(Run *own, unsigned shift, Random *random, Piece *piece)
{
  size_t words = (size_t)1 << random_below(random, shift);
  if (chance(random, 1)) {
    words *= chance(random, 1) ? 10000 : chance(random, 10) ? 1000 : 100;
  }
  return run_alloc(own, words * sizeof(uint64_t), piece);
}

static void
swap_piece(Transfer *transfer, Piece *piece)
{
  while (atomic_flag_test_and_set_explicit(&transfer->taken, memory_order_acquire)) {
    (void)sched_yield();
  }
  const Piece other = transfer->piece;
  transfer->piece   = *piece;
  *piece            = other;
  atomic_flag_clear_explicit(&transfer->taken, memory_order_release);
}

static bool
stress_steps(Run *own, Piece *data, size_t n_data, Piece *kept, size_t n_kept, Random *random)
{
  size_t top = 0;
  for (size_t n = 0; top < n_data || n < n_kept;) {
    const bool makes = n == n_kept || (chance(random, 50) && top < n_data);
    if (!(makes ? stress_alloc(own, STRESS_SHIFT, random, &data[top++])
                : stress_alloc(own, STRESS_KEPT_SHIFT, random, &kept[n++]))) {
      return false;
    }
    if (chance(random, 66) && top && !run_free(own, &data[random_below(random, top)])) {
      return false;
    }
    if (chance(random, 25) && top) {
      swap_piece(&transfers[random_below(random, STRESS_TRANSFERS)],
                 &data[random_below(random, top)]);
    }
  }
  return true;
}

static bool
stress_thread(Run *own, unsigned index, void *ctx)
{
  const size_t n_data = (size_t)100 * STRESS_LOAD * (index % 8 + 1);
  const size_t n_kept = n_data / 2;
  Random random       = {own->seed * 43 + *(const size_t *)ctx};
  Piece *const data   = (Piece *)harness_map(n_data + n_kept, sizeof(Piece));
  if (!data) {
    return run_out_of_memory(own, (n_data + n_kept) * sizeof(Piece));
  }
  bool good = stress_steps(own, data, n_data, &data[n_data], n_kept, &random);
  run_retain(own);
  for (size_t i = n_data + n_kept; i-- > 0;) {
    good = run_free(own, &data[i]) && good;
  }
  harness_unmap(data, n_data + n_kept, sizeof(Piece));
  return good;
}

bool
run_mstress(Run *run)
{
  const size_t rounds = run_times(run, STRESS_ROUNDS, 2);
  Random random       = {run->seed};
  bool good           = run_fits(run, 400.0 * 7500 * (double)rounds * run->threads);
  for (size_t round = 0; good && round < rounds; ++round) {
    good = run_beside(run, run->threads, stress_thread, &round);
    for (size_t i = 0; i < STRESS_TRANSFERS; ++i) {
      // Half of what lies between threads survives a round
      if (chance(&random, 50) || round + 1 == rounds || !good) {
        good = run_free(run, &transfers[i].piece) && good;
      }
    }
  }
  return good;
}
