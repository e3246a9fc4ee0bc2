// SPDX-License-Identifier: MIT
#include "cpython/held_table.h"

#ifndef PYPY_VERSION

#  include <string.h>

#  define PLACE ((Py_ssize_t)PTRS_CODEC_HEADER) // bytes of an image

#  define LEAST_CAPACITY ((size_t)4)
#  define KEPT_CAPACITY ((size_t)64) // of a table without objects

// A block that is looked at, and entered at the first image that is looked for
typedef struct {
  PtrsBlock block;
  PtrsEntry entry;
  const PtrsEntry *inside; // NULL until it has been entered
  bool is_gone;
  bool would_block;
} Look;

static size_t
home_of(const PtrsPyHeldTable *table, Py_ssize_t place)
{
  return (size_t)((uint64_t)place * 0x9E3779B97F4A7C15U >> table->shift);
}

static size_t
next_of(const PtrsPyHeldTable *table, size_t index)
{
  return (index + 1) & (table->capacity - 1);
}

// Put an entry into a table that has space for it
static void
put(PtrsPyHeldTable *table, const PtrsPyHeld *entry)
{
  size_t index = home_of(table, entry->offset / PLACE);
  while (table->entries[index].key) {
    index = next_of(table, index);
  }
  table->entries[index] = *entry;
  ++table->count;
}

bool
ptrs_py_held_reserve(PtrsPyHeldTable *table, size_t count)
{
  PtrsPyHeldTable larger = {.capacity = LEAST_CAPACITY, .shift = 62};
  if (count > PTRS_SIZE_MAX / 2 - table->count) {
    return false;
  }
  if (table->count + count <= table->capacity - table->capacity / 4) {
    return true;
  }
  // One in four stays free, or searches would not end
  const size_t wanted = table->count + count;
  while (wanted > larger.capacity - larger.capacity / 4) {
    larger.capacity *= 2;
    --larger.shift;
  }
  larger.version = table->version + 1;
  larger.entries = PyMem_New(PtrsPyHeld, larger.capacity);
  if (!larger.entries) {
    return false;
  }
  memset(larger.entries, 0, larger.capacity * sizeof(PtrsPyHeld));
  for (size_t i = 0; i < table->capacity; ++i) {
    if (table->entries[i].key) {
      put(&larger, &table->entries[i]);
    }
  }
  PyMem_Free(table->entries);
  *table = larger;
  return true;
}

void
ptrs_py_held_add(PtrsPyHeldTable *table, int64_t key, Py_ssize_t offset, PyObject *obj)
{
  const PtrsPyHeld entry = {.key = key, .offset = offset, .obj = obj};
  put(table, &entry);
  ++table->version;
}

PtrsPyHeld *
ptrs_py_held_find(const PtrsPyHeldTable *table, Py_ssize_t offset, int64_t key)
{
  if (!table->count || offset < 0) {
    return NULL;
  }
  size_t index = home_of(table, offset / PLACE);
  for (; table->entries[index].key; index = next_of(table, index)) {
    if (table->entries[index].key == key && table->entries[index].offset == offset) {
      return &table->entries[index];
    }
  }
  return NULL;
}

PyObject *
ptrs_py_held_remove(PtrsPyHeldTable *table, PtrsPyHeld *entry)
{
  PyObject *const obj = entry->obj;
  const size_t mask   = table->capacity - 1;
  size_t hole         = (size_t)(entry - table->entries);
  // Those behind move up to where they would have come without it
  for (size_t i = next_of(table, hole); table->entries[i].key; i = next_of(table, i)) {
    const size_t home = home_of(table, table->entries[i].offset / PLACE);
    if (((i - home) & mask) >= ((i - hole) & mask)) {
      table->entries[hole] = table->entries[i];
      hole                 = i;
    }
  }
  const PtrsPyHeld none = {.key = 0};
  table->entries[hole]  = none;
  --table->count;
  ++table->version;
  return obj;
}

// Whether the image of an entry stands in the block.  Where that cannot be found out now, it
// does.
static bool
has_image(Look *look, const PtrsPyHeld *entry)
{
  if (!look->inside && !look->is_gone && !look->would_block) {
    look->is_gone = ptrs_block_try_enter(look->block, PTRS_ACCESS_SHARED, &look->entry,
                                         &look->would_block) != PTRS_STATUS_SUCCESS;
    look->inside  = look->is_gone || look->would_block ? NULL : &look->entry;
  }
  return look->inside
             ? ptrs_access_entry_has_reference(look->inside, (size_t)entry->offset, entry->key)
             : !look->is_gone;
}

// The object of an entry that is lost, taken out; or NULL
static PyObject *
take_lost(PtrsPyHeldTable *table, size_t index, const PtrsPyHeldSearch *search, Look *look)
{
  PtrsPyHeld *const entry = &table->entries[index];
  return entry->key && entry->is_told && entry->offset < search->end &&
                 entry->offset > search->start - PLACE && !has_image(look, entry)
             ? ptrs_py_held_remove(table, entry)
             : NULL;
}

// What is lost at one place; the number of objects
static size_t
search_place(PtrsPyHeldTable *table,
             const PtrsPyHeldSearch *search,
             Py_ssize_t place,
             Look *look,
             PyObject **objects,
             size_t most)
{
  size_t count = 0;
  size_t index = table->count ? home_of(table, place) : 0;
  while (table->count && table->entries[index].key && count < most) {
    // Its successor moves up to where it was
    objects[count] = table->entries[index].offset / PLACE == place
                         ? take_lost(table, index, search, look)
                         : NULL;
    if (objects[count]) {
      ++count;
    } else {
      index = next_of(table, index);
    }
  }
  return count;
}

// What is lost at the places from `search->cursor` on, up to the last
static size_t
search_places(
    PtrsPyHeldTable *table, PtrsPyHeldSearch *search, Look *look, PyObject **objects, size_t most)
{
  const size_t last = (size_t)((search->end - 1) / PLACE);
  size_t count      = 0;
  for (; search->cursor <= last && count < most; ++search->cursor) {
    const Py_ssize_t place = (Py_ssize_t)search->cursor;
    count += search_place(table, search, place, look, objects + count, most - count);
    if (count == most) {
      break; // there may be more at this place
    }
  }
  return count;
}

// What is lost in the entries from `search->cursor` on
static size_t
search_entries(
    PtrsPyHeldTable *table, PtrsPyHeldSearch *search, Look *look, PyObject **objects, size_t most)
{
  size_t count = 0;
  while (search->cursor < table->capacity && count < most) {
    objects[count] = take_lost(table, search->cursor, search, look);
    if (objects[count]) {
      ++count;
    } else {
      ++search->cursor;
    }
  }
  return count;
}

// Give the memory of a table back that has become empty
static void
trim(PtrsPyHeldTable *table)
{
  if (!table->count && table->capacity > KEPT_CAPACITY) {
    const PtrsPyHeldTable empty = {.version = table->version + 1};
    PyMem_Free(table->entries);
    *table = empty;
  }
}

size_t
ptrs_py_held_search(PtrsPyHeldTable *table,
                    PtrsPyHeldSearch *search,
                    PyObject **objects,
                    size_t most,
                    bool *would_block)
{
  if (!table->count || search->end <= search->start || search->end <= 0) {
    return 0;
  }
  // An image that was cut may start before the bytes that were written
  const Py_ssize_t first = search->start < PLACE ? 0 : (search->start - PLACE + 1) / PLACE;
  const Py_ssize_t last  = (search->end - 1) / PLACE;
  if (!search->is_begun || search->version != table->version) {
    search->is_begun   = true;
    search->has_places = (size_t)(last - first) < table->count;
    search->cursor     = search->has_places ? (size_t)first : 0;
  }
  Look look = {.block = search->block, .inside = search->inside};
  const size_t count =
      (search->has_places ? search_places : search_entries)(table, search, &look, objects, most);
  if (look.inside && !search->inside) {
    ptrs_block_leave(&look.entry);
  }
  if (look.would_block) {
    *would_block     = true;
    search->is_begun = false;
  }
  trim(table);
  search->version = table->version;
  return count;
}

#endif
