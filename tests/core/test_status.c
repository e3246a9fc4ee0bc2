// SPDX-License-Identifier: MIT
#include "ptrs/status.h"

#include <limits.h>
#include <string.h>

#include "tap.h"

static void
success_is_zero(void)
{
  CHECK_EQ(PTRS_STATUS_SUCCESS, 0);
}

// Every value has a text of its own: short, and without a final stop
static void
texts_are_distinct(void)
{
  const int last = PTRS_STATUS_TOO_DEEP;
  for (int i = 0; i <= last; ++i) {
    const char *const text = ptrs_strerror((PtrsStatus)i);
    if (!CHECK(text)) {
      continue;
    }
    const size_t length = strlen(text);
    CHECK(length > 0 && length < 60);
    CHECK(text[length - 1] != '.' && text[length - 1] != '\n');
    for (int j = 0; j < i; ++j) {
      CHECK(strcmp(text, ptrs_strerror((PtrsStatus)j)) != 0);
    }
  }
}

static void
unknown_values_have_a_text(void)
{
  static const int values[] = {PTRS_STATUS_TOO_DEEP + 1, 255, INT_MAX, INT_MIN, -1};
  for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); ++i) {
    CHECK_STR(ptrs_strerror((PtrsStatus)values[i]), "unknown status");
  }
}

int
main(void)
{
  TAP_RUN(success_is_zero);
  TAP_RUN(texts_are_distinct);
  TAP_RUN(unknown_values_have_a_text);
  return tap_end();
}
