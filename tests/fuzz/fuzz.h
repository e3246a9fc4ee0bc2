// SPDX-License-Identifier: MIT
// Shared by the fuzz targets: the bytes of a run, and how a target fails.
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// End the program if `condition` does not hold; also where assert() is off
#define REQUIRE(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))

// The bytes of one run, taken from the front; past the end, all bytes are 0
typedef struct {
  const uint8_t *bytes;
  size_t left;
} Input;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
fuzz_fail(const char *condition, const char *file, int line)
{
  (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
  abort();
}

// The least significant byte first, so that a run is the same on every machine
static inline uint64_t
take(Input *input, size_t n_bytes)
{
  uint64_t number = 0;
  for (size_t i = 0; i < n_bytes && input->left; ++i, --input->left) {
    number |= (uint64_t)*input->bytes++ << (8 * i);
  }
  return number;
}

// A heap copy of exactly these bytes, so that a sanitizer sees an access past either
// end, `shift` bytes behind an aligned address; to be freed at *heap
static inline uint8_t *
guarded_copy(const void *bytes, size_t size, size_t shift, void **heap)
{
  *heap = malloc(shift + size ? shift + size : 1);
  REQUIRE(*heap);
  uint8_t *const copy = (uint8_t *)*heap + shift;
  if (size) {
    memcpy(copy, bytes, size);
  }
  return copy;
}

#endif
