// SPDX-License-Identifier: MIT
// Size arithmetic, on which every bounds check rests, at its limits.
#include "base/checked.h"

#include "tap.h"

static const size_t edges[] = {
    0,
    1,
    2,
    3,
    SIZE_MAX / 2 - 1,
    SIZE_MAX / 2,
    SIZE_MAX / 2 + 1,
    SIZE_MAX - 2,
    SIZE_MAX - 1,
    SIZE_MAX,
    (size_t)1 << (sizeof(size_t) * 4),
    ((size_t)1 << (sizeof(size_t) * 4)) - 1,
    ((size_t)1 << (sizeof(size_t) * 4)) + 1,
};

#define N_EDGES (sizeof(edges) / sizeof(edges[0]))
#define UNTOUCHED ((size_t)12345)

// The compiler's own overflow checks are the model
static void
sums_and_products(void)
{
  for (size_t i = 0; i < N_EDGES; ++i) {
    for (size_t j = 0; j < N_EDGES; ++j) {
      const size_t a     = edges[i];
      const size_t b     = edges[j];
      size_t sum         = UNTOUCHED;
      size_t product     = UNTOUCHED;
      size_t model       = 0;
      const bool no_sum  = __builtin_add_overflow(a, b, &model);
      const size_t total = no_sum ? UNTOUCHED : model;
      CHECK_EQ(ptrs_checked_add(a, b, &sum), !no_sum);
      CHECK_EQ(sum, total);

      const bool no_product = __builtin_mul_overflow(a, b, &model);
      CHECK_EQ(ptrs_checked_mul(a, b, &product), !no_product);
      CHECK_EQ(product, no_product ? UNTOUCHED : model);
    }
  }
}

static void
ranges(void)
{
  for (size_t i = 0; i < N_EDGES; ++i) {
    for (size_t j = 0; j < N_EDGES; ++j) {
      for (size_t k = 0; k < N_EDGES; ++k) {
        size_t end       = 0;
        const bool wraps = __builtin_add_overflow(edges[i], edges[j], &end);
        CHECK_EQ(ptrs_checked_range(edges[i], edges[j], edges[k]), !wraps && end <= edges[k]);
      }
    }
  }
  CHECK(ptrs_checked_range(0, 0, 0));
  CHECK(ptrs_checked_range(8, 0, 8));
  CHECK(!ptrs_checked_range(9, 0, 8));
  CHECK(!ptrs_checked_range(1, SIZE_MAX, 8));
  CHECK(!ptrs_checked_range(SIZE_MAX, 1, 8));
}

static void
minimum_and_clamp(void)
{
  CHECK_EQ(ptrs_min(1, 2), 1);
  CHECK_EQ(ptrs_min(2, 1), 1);
  CHECK_EQ(ptrs_min(SIZE_MAX, 0), 0);
  CHECK_EQ(ptrs_clamp(4, 5, 7), 5);
  CHECK_EQ(ptrs_clamp(5, 5, 7), 5);
  CHECK_EQ(ptrs_clamp(6, 5, 7), 6);
  CHECK_EQ(ptrs_clamp(7, 5, 7), 7);
  CHECK_EQ(ptrs_clamp(8, 5, 7), 7);
  CHECK_EQ(ptrs_clamp(SIZE_MAX, 5, 7), 7);
}

static void
logarithms(void)
{
  for (unsigned i = 0; i < sizeof(size_t) * 8; ++i) {
    CHECK_EQ(ptrs_log2((size_t)1 << i), i);
  }
}

int
main(void)
{
  TAP_RUN(sums_and_products);
  TAP_RUN(ranges);
  TAP_RUN(minimum_and_clamp);
  TAP_RUN(logarithms);
  return tap_end();
}
