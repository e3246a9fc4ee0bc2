// SPDX-License-Identifier: MIT
#include "allocators/guard/report.h"

#include <string.h>

#include "allocators/guard/table.h"
#include "base/checked.h"
#include "os/fault.h"
#include "os/report.h"
#include "ptrs/guard.h"

// Small, since a line may stand on a signal stack
typedef struct {
  char text[160 + PTRS_LABEL_SIZE];
  size_t size;
} Line;

typedef struct {
  uintptr_t address;
  const PtrsSpan *nearest;
  uintptr_t distance; // from the block of `nearest`
  bool is_inside;     // the address lies in the pages of a span
} Search;

// How long to wait for the reader of a report.  A report of damage does not wait: its thread
// goes on, and the reader may be waiting for that thread.
#define WAIT_MS_FAULT 1000
#define WAIT_MS_DAMAGE 0

// Where to write.  The two entries are used by turns, so that a thread that reads one does not
// meet a writer.
static PtrsOsReport files[2];
static PtrsAtomic current; // index in `files` plus 1; 0: nowhere

static void
add_bytes(Line *line, const char *text, size_t size)
{
  const size_t n_added = ptrs_min(size, sizeof(line->text) - line->size);
  memcpy(line->text + line->size, text, n_added);
  line->size += n_added;
}

static void
add(Line *line, const char *text)
{
  add_bytes(line, text, strlen(text));
}

static void
add_number(Line *line, uint64_t number, unsigned base)
{
  char digits[20];
  size_t i = sizeof(digits);
  do {
    digits[--i] = "0123456789abcdef"[number % base];
    number /= base;
  } while (number);
  add_bytes(line, digits + i, sizeof(digits) - i);
}

static void
add_address(Line *line, uintptr_t address)
{
  add(line, "0x");
  add_number(line, address, 16);
}

static void
add_bytes_of(Line *line, uint64_t count)
{
  add_number(line, count, 10);
  add(line, count == 1 ? " byte" : " bytes");
}

// Where an address lies, relative to a block
static void
add_place(Line *line, uintptr_t address, const PtrsSpanView *view)
{
  if (address < view->mem) {
    add_bytes_of(line, view->mem - address);
    add(line, " before the start");
  } else if (address - view->mem >= view->size) {
    add_bytes_of(line, address - view->mem - view->size + 1);
    add(line, " past the end");
  } else {
    add(line, "at offset ");
    add_number(line, address - view->mem, 10);
  }
}

static void
add_block(Line *line, const char *kind, const PtrsSpanView *view)
{
  add(line, kind);
  add_bytes_of(line, view->size);
  add(line, " at ");
  add_address(line, view->mem);
  if (view->label[0]) {
    add(line, " (");
    // Control characters would break the line, or command a terminal
    for (const char *c = view->label; *c; ++c) {
      add_bytes(line, (unsigned char)*c < ' ' || *c == 0x7F ? "?" : c, 1);
    }
    add(line, ")");
  }
}

static void
write_out(Line *line, int wait_ms)
{
  const uint64_t number = ptrs_atomic_load(&current);
  add(line, "\n");
  if (number) {
    ptrs_os_report_write(&files[number - 1], line->text, line->size, wait_ms);
  }
}

static uintptr_t
distance_of(uintptr_t address, const PtrsSpanView *view)
{
  if (address < view->mem) {
    return view->mem - address;
  }
  return address - view->mem < view->size ? 0 : address - view->mem - view->size + 1;
}

// A guard page may stand between two blocks: report the block that is nearer
static bool
compare(PtrsSpan *span, void *ctx)
{
  Search *const search = (Search *)ctx;
  PtrsSpanView view;
  if (!ptrs_guard_view(span, false, &view) || view.state == PTRS_SPAN_NONE) {
    return true;
  }
  const uintptr_t address  = search->address;
  const uintptr_t distance = distance_of(address, &view);
  if (!search->nearest || distance < search->distance) {
    search->nearest  = span;
    search->distance = distance;
  }
  if (address >= view.base && address - view.base < view.extent) {
    search->is_inside = true;
  }
  return true;
}

// In a signal handler
static void
report_fault(uintptr_t address)
{
  Search search = {.address = address};
  Line line     = {.size = 0};
  PtrsSpanView view;
  if (!ptrs_atomic_load(&current)) {
    return;
  }
  ptrs_guard_each(compare, &search);
  if (!search.is_inside || !ptrs_guard_view(search.nearest, true, &view)) {
    return;
  }
  add(&line, "pointers: fault at ");
  add_address(&line, address);
  add(&line, ": ");
  add_place(&line, address, &view);
  add_block(&line, view.state == PTRS_SPAN_LIVE ? " of a live block of " : " of a freed block of ",
            &view);
  write_out(&line, WAIT_MS_FAULT);
}

void
ptrs_guard_report_damage(const PtrsSpan *span, ptrdiff_t offset)
{
  Line line = {.size = 0};
  PtrsSpanView view;
  if (!ptrs_atomic_load(&current) || !ptrs_guard_view(span, true, &view)) {
    return;
  }
  add(&line, "pointers: overwritten: ");
  add_place(&line, view.mem + (uintptr_t)offset, &view);
  add_block(&line, " of a block of ", &view);
  write_out(&line, WAIT_MS_DAMAGE);
}

// Report to another file, or to none: locked
static PtrsStatus
report_to(int fd)
{
  const uint64_t number         = ptrs_atomic_load(&current);
  const PtrsOsReport *const old = number ? &files[number - 1] : NULL;
  const uint64_t next           = number == 1 ? 2 : 1;
  if (fd < 0) {
    ptrs_atomic_store(&current, 0);
    if (old) {
      ptrs_os_report_close(old);
    }
    return PTRS_STATUS_SUCCESS;
  }
  const PtrsStatus status = ptrs_os_report_open(fd, old, &files[next - 1]);
  if (!status) {
    ptrs_atomic_store(&current, next);
  }
  return status;
}

PtrsStatus
ptrs_guard_report_faults(int fd)
{
  if (fd < -1) {
    return PTRS_STATUS_BAD_ARG;
  }
  ptrs_guard_table_init();
  ptrs_guard_lock();
  PtrsStatus status = report_to(fd);
  if (!status) {
    status = fd < 0 ? ptrs_os_fault_unwatch() : ptrs_os_fault_watch(report_fault);
  }
  ptrs_guard_unlock();
  return status;
}
