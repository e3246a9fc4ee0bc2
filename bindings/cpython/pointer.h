// SPDX-License-Identifier: MIT
/**
 * @file pointer.h
 * A pointer in C: its fields, and what makes one.
 *
 * Functions that return an object return a new reference, or NULL with an exception; "NULL
 * with or without an exception" leaves the rest to the slow path where there is none.
 */
#ifndef POINTERS_CPYTHON_POINTER_H
#define POINTERS_CPYTHON_POINTER_H

#include "cpython/slow.h"

#include <stdbool.h>

#ifndef PYPY_VERSION

#  include "ptrs/block.h"

/** What the steps of a pointer are: bytes, slots of an array, or the bytes of a slice. */
typedef enum {
  PTRS_PY_KIND_BYTES,
  PTRS_PY_KIND_ARRAY,
  PTRS_PY_KIND_SLOT,
  PTRS_PY_KIND_SLICE
} PtrsPyKind;

/** How the memory of a block ends that something else has allocated. */
typedef enum {
  PTRS_PY_ENDING_NONE,  /* it is none of these, or an alias */
  PTRS_PY_ENDING_QUIET, /* it is not freed, so that it may be leaked */
  PTRS_PY_ENDING_FREE,  /* a C function frees it */
  PTRS_PY_ENDING_PYTHON /* an object of Python does what there is to do */
} PtrsPyEnding;

/**
 * A pointer.  All fields but `owned` and `held` stay as they were made; without a global lock
 * these two are accessed atomically.
 */
typedef struct {
  PyObject_HEAD PtrsBlock block;
  Py_ssize_t offset; // bytes from the start of the block
  Py_ssize_t bound;  // bytes that a store may take, as far as the block reaches; slice: to its end
  Py_ssize_t index;  // slot: its number; array: its slots, where these have no bytes; slice: the
                     // offset where it starts
  PyObject *root;    // the pointer that owns the block; NULL in that pointer itself
  PyObject *held;    // the held objects of the block, in the root; or NULL
  PyObject *weakrefs;
  char owned;    // the block has to be freed by this pointer
  char kind;     // PtrsPyKind
  char stepped;  // slot: steps from the array have led here, and lead back to it
  char readonly; // no operation on this pointer, or on one that is made of it, changes the block
  char ending;   // PtrsPyEnding; unless that is none, the pointer is a PtrsPyAdopted
} PtrsPyPointer;

/** A pointer to memory that something else has allocated; see adopt.h. */
typedef struct {
  PtrsPyPointer pointer;
  PyObject *kept; // what the block keeps, or what ends it; or NULL
} PtrsPyAdopted;

/** The type that all pointers are of; NULL until the module is loaded. */
extern PyTypeObject *ptrs_py_pointer_type;

/** Whether a class is one of those that are made here, whose methods are therefore known. */
static inline bool
ptrs_py_is_plain_type(PyTypeObject *type)
{
  PyObject *const kind = (PyObject *)type;
  return kind == ptrs_py_objects[PTRS_PY_ALLOCATED] || kind == ptrs_py_objects[PTRS_PY_SLOT] ||
         kind == ptrs_py_objects[PTRS_PY_ARRAY] || kind == ptrs_py_objects[PTRS_PY_STACK] ||
         kind == ptrs_py_objects[PTRS_PY_ADOPTED];
}

static inline bool
ptrs_py_is_plain(PyObject *obj)
{
  return ptrs_py_is_plain_type(Py_TYPE(obj));
}

static inline bool
ptrs_py_is_pointer(PyObject *obj)
{
  return ptrs_py_is_plain(obj) || PyObject_TypeCheck(obj, ptrs_py_pointer_type);
}

/** The pointer that owns the block; borrowed. */
static inline PtrsPyPointer *
ptrs_py_root(PtrsPyPointer *pointer)
{
  return pointer->root ? (PtrsPyPointer *)pointer->root : pointer;
}

/** A pointer of a class to the start of a block, which it does not own. */
PtrsPyPointer *ptrs_py_new_pointer(PyObject *type, PtrsBlock block);

/** A pointer to another offset of the same block. */
PyObject *ptrs_py_new_alias(PtrsPyPointer *pointer, PyTypeObject *type, Py_ssize_t offset);

/** A pointer to a slot of the array that a pointer is in. */
PyObject *ptrs_py_new_slot(PtrsPyPointer *pointer, PyObject *type, Py_ssize_t index);

/** The same by steps, which lead from an array to its slots and back to it. */
PyObject *ptrs_py_new_step(PtrsPyPointer *pointer, PyObject *type, Py_ssize_t index);

/** A pointer into the part of a block from `start` on, of which `bound` bytes are left. */
PyObject *ptrs_py_new_slice(PtrsPyPointer *pointer,
                            PyTypeObject *type,
                            Py_ssize_t offset,
                            Py_ssize_t start,
                            Py_ssize_t bound);

/** An alias of the same kind whose operations do not change the block. */
PyObject *ptrs_py_new_readonly(PtrsPyPointer *pointer);

/** Keep the memory of a pointer that is gone, for the next one; false if that cannot be. */
bool ptrs_py_recycle(PyObject *self);

#endif
#endif
