// SPDX-License-Identifier: MIT
/**
 * @file held_table.h
 * A table of the objects that the memory of one block refers to: where each image is written,
 * by which key, and the object.
 *
 * It is a hash table by places, which are as long as an image (16 bytes): so what a write of
 * some bytes may have destroyed is found without looking at the rest.
 *
 * No function here runs Python, or waits: with a global lock, each is one step.
 */
#ifndef POINTERS_CPYTHON_HELD_TABLE_H
#define POINTERS_CPYTHON_HELD_TABLE_H

#include <Python.h>

#include <stdbool.h>

#ifndef PYPY_VERSION

#  include "access/access.h"

/** One object; `key` is 0 where there is none. */
typedef struct {
  int64_t key;
  Py_ssize_t offset; // of the image, in bytes
  PyObject *obj;     // a reference that the table has
  bool is_told;      // the image has been written: it is missing if it is not found
} PtrsPyHeld;

/** All fields are 0 in a table without objects. */
typedef struct {
  PtrsPyHeld *entries;
  size_t capacity;  // of entries: a power of two, or 0
  size_t count;     // of objects
  unsigned shift;   // of hashes
  uint64_t version; // another one after each change
} PtrsPyHeldTable;

/** A search for images that were overwritten; see ptrs_py_held_search(). */
typedef struct {
  PtrsBlock block;
  Py_ssize_t start; // the bytes that were written: [start, end)
  Py_ssize_t end;
  const PtrsEntry *inside; // the block, if the caller has entered it; else NULL
  // Private: how the search goes on
  bool is_begun;
  bool has_places;  // it goes by places, and not by entries
  size_t cursor;    // the next one
  uint64_t version; // of the table when it was left
} PtrsPyHeldSearch;

/** Make space for `count` objects more; false if there is no memory. */
bool ptrs_py_held_reserve(PtrsPyHeldTable *table, size_t count);

/** Add an object, for which there is space; takes over a reference to it. */
void ptrs_py_held_add(PtrsPyHeldTable *table, int64_t key, Py_ssize_t offset, PyObject *obj);

/** The entry of a key at an offset, until the next change; NULL if there is none. */
PtrsPyHeld *ptrs_py_held_find(const PtrsPyHeldTable *table, Py_ssize_t offset, int64_t key);

/** Take an entry out, and return its object with the reference. */
PyObject *ptrs_py_held_remove(PtrsPyHeldTable *table, PtrsPyHeld *entry);

/**
 * Take out what has lost its image to a write, or is in a block that is gone.
 *
 * @param search Its first four fields are given, the others 0.  Whatever happens to the table
 *        meanwhile, the search can be gone on with.
 * @param[out] objects What was taken out, with the references; at most `most`.
 * @param[out] would_block Set to true where the block could not be looked at without waiting:
 *        nothing was done.
 * @return The number of objects; the search is at its end if that is less than `most`.
 */
size_t ptrs_py_held_search(PtrsPyHeldTable *table,
                           PtrsPyHeldSearch *search,
                           PyObject **objects,
                           size_t most,
                           bool *would_block);

#endif
#endif
