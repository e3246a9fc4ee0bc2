// SPDX-License-Identifier: MIT
// Workloads that stand for servers: long-lived sets of pieces that outlive the
// threads which made them, or move between them.
#include <pthread.h>
#include <stdlib.h>

#include "random.h"
#include "workload.h"

#define LARSON_PIECES 5000
#define LARSON_ROUNDS 100

typedef struct {
  Run *own;
  Piece *pieces;
  Random random;
  bool good;
} Session;

// One generation replaces as many pieces as there are, then leaves all of them
// to a thread that is its successor
static void *
larson_generation(void *argument)
{
  Session *const session = (Session *)argument;
  for (size_t i = 0; session->good && i < LARSON_PIECES; ++i) {
    Piece *const piece = &session->pieces[random_below(&session->random, LARSON_PIECES)];
    session->good      = run_free(session->own, piece) &&
                    run_alloc(session->own, random_between(&session->random, 8, 999), piece);
    if (!session->good) {
      piece->size = SIZE_MAX; // there is none
    }
  }
  return NULL;
}

static bool
larson_thread(Run *own, unsigned index, void *ctx)
{
  const size_t generations = *(const size_t *)ctx;
  Session session          = {.own = own, .random = {own->seed}, .good = true};
  (void)index;
  session.pieces = (Piece *)calloc(LARSON_PIECES, sizeof(Piece));
  if (!session.pieces) {
    return run_out_of_memory(own, LARSON_PIECES * sizeof(Piece));
  }
  size_t n_made = 0;
  while (session.good && n_made < LARSON_PIECES) {
    session.good = run_alloc(own, random_between(&session.random, 8, 999), &session.pieces[n_made]);
    n_made += session.good;
  }
  for (size_t i = 0; session.good && i < generations; ++i) {
    pthread_t successor;
    if (pthread_create(&successor, NULL, larson_generation, &session)) {
      session.good = run_out_of_memory(own, 0);
    } else {
      (void)pthread_join(successor, NULL);
    }
  }
  for (size_t i = 0; i < n_made; ++i) {
    if (session.pieces[i].size != SIZE_MAX) {
      session.good = run_free(own, &session.pieces[i]) && session.good;
    }
  }
  free(session.pieces);
  return session.good;
}

bool
run_larson(Run *run)
{
  size_t generations = run_times(run, 4.0 * LARSON_ROUNDS) / run->threads + 1;
  return run_fits(run, 500.0 * LARSON_PIECES * (double)generations * run->threads) &&
         run_on_threads(run, larson_thread, &generations);
}

#define STRESS_PIECES 2000
#define STRESS_KEPT 1000
#define STRESS_EXCHANGE 256

typedef struct {
  pthread_mutex_t mutex;
  Piece exchange[STRESS_EXCHANGE]; // size 0: none
  size_t phases;
} Stress;

static size_t
stress_size(Random *random)
{
  // Mostly small, now and then large
  const size_t dice = random_below(random, 1000);
  return dice < 2     ? random_between(random, 10000, 50000)
         : dice < 50  ? random_between(random, 1000, 10000)
         : dice < 300 ? random_between(random, 100, 1000)
                      : random_between(random, 16, 100);
}

// Leave a piece to the others, and take what lies in its place
static Piece
swap_piece(Stress *stress, size_t place, Piece piece)
{
  (void)pthread_mutex_lock(&stress->mutex);
  const Piece other       = stress->exchange[place];
  stress->exchange[place] = piece;
  (void)pthread_mutex_unlock(&stress->mutex);
  return other;
}

// One phase: many pieces that go again, some that stay for a while in `kept`,
// and some that go to the other threads
static bool
stress_phase(Run *own, Stress *stress, Piece *kept, Random *random)
{
  Piece pieces[STRESS_PIECES];
  size_t n_made = 0;
  bool good     = true;
  while (good && n_made < STRESS_PIECES) {
    good = run_alloc(own, stress_size(random), &pieces[n_made]);
    n_made += good;
  }
  for (size_t i = 0; i < n_made; ++i) {
    Piece piece       = pieces[i];
    const size_t what = random_below(random, 10);
    if (what < 2) {
      Piece *const place = &kept[random_below(random, STRESS_KEPT)];
      const Piece old    = *place;
      *place             = piece;
      piece              = old;
    } else if (what == 2) {
      piece = swap_piece(stress, random_below(random, STRESS_EXCHANGE), piece);
    }
    if (piece.size) {
      good = run_free(own, &piece) && good;
    }
  }
  return good;
}

static bool
stress_thread(Run *own, unsigned index, void *ctx)
{
  Stress *const stress = (Stress *)ctx;
  Random random        = {own->seed};
  bool good            = true;
  Piece *const kept    = (Piece *)calloc(STRESS_KEPT, sizeof(Piece));
  (void)index;
  if (!kept) {
    return run_out_of_memory(own, STRESS_KEPT * sizeof(Piece));
  }
  for (size_t phase = 0; good && phase < stress->phases; ++phase) {
    good = stress_phase(own, stress, kept, &random);
  }
  for (size_t i = 0; i < STRESS_KEPT; ++i) {
    if (kept[i].size) {
      good = run_free(own, &kept[i]) && good;
    }
  }
  free(kept);
  return good;
}

bool
run_mstress(Run *run)
{
  static Stress stress;
  stress.phases = run_times(run, 1000) / run->threads + 1;
  if (!run_fits(run, 550.0 * STRESS_PIECES * (double)stress.phases * run->threads)) {
    return false;
  }
  (void)pthread_mutex_init(&stress.mutex, NULL);
  bool good = run_on_threads(run, stress_thread, &stress);
  for (size_t i = 0; i < STRESS_EXCHANGE; ++i) {
    if (stress.exchange[i].size) {
      good = run_free(run, &stress.exchange[i]) && good;
    }
  }
  (void)pthread_mutex_destroy(&stress.mutex);
  return good;
}
