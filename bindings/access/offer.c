// SPDX-License-Identifier: MIT
// Allocators that go from the module that cffi makes to another one in the same process, whose
// objects cffi does not know.  The key cannot be guessed into a bad address, as a number of
// Python could.
#include "access/access.h"

// An interrupt between the two calls loses a place: then allocators are served more slowly
#define N_PLACES 256

enum { FREE = 0, TAKEN = -1 };

static struct {
  int64_t key; // FREE, TAKEN while a thread reads or writes the place, or the key
  PtrsAllocator *allocator;
} places[N_PLACES];

static bool
change(int64_t *key, int64_t from, int64_t to)
{
  return __atomic_compare_exchange_n(key, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

int64_t
ptrs_access_offer(PtrsAllocator *allocator)
{
  static int64_t last;
  for (size_t i = 0; i < N_PLACES; ++i) {
    if (change(&places[i].key, FREE, TAKEN)) {
      const int64_t key = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
      ptrs_allocator_retain(allocator);
      places[i].allocator = allocator;
      __atomic_store_n(&places[i].key, key, __ATOMIC_RELEASE);
      return key;
    }
  }
  return -(int64_t)PTRS_STATUS_NO_MEM;
}

PtrsAllocator *
ptrs_access_take_offered(int64_t key)
{
  for (size_t i = 0; key > 0 && i < N_PLACES; ++i) {
    if (__atomic_load_n(&places[i].key, __ATOMIC_RELAXED) == key &&
        change(&places[i].key, key, TAKEN)) {
      PtrsAllocator *const allocator = places[i].allocator;
      __atomic_store_n(&places[i].key, FREE, __ATOMIC_RELEASE);
      return allocator;
    }
  }
  return NULL;
}

void
ptrs_access_withdraw(int64_t key)
{
  PtrsAllocator *const allocator = ptrs_access_take_offered(key);
  if (allocator) {
    ptrs_allocator_release(allocator);
  }
}
