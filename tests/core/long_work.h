// SPDX-License-Identifier: MIT
/**
 * @file long_work.h
 * Work that lasts until a test lets it end: what has to wait for it, waits for ever.
 */
#ifndef PTRS_TEST_LONG_WORK_H
#define PTRS_TEST_LONG_WORK_H

#include <pthread.h>
#include <stdatomic.h>

/** Whether the work that is under way may end; a test may set it. */
extern atomic_bool long_work_may_end;

/** Whether the next work is long: all other work takes no time. */
extern atomic_bool long_work_is_slow;

/** Make the next work long. */
void long_work_prepare(void);

/** Work: return at once, or when it may end. */
void long_work(void);

/** Run a function in another thread; return while its long work is under way. */
pthread_t long_work_begin(void *(*function)(void *ctx), void *ctx);

/** Let the work end, and wait for its thread. */
void long_work_end(pthread_t thread);

#endif
