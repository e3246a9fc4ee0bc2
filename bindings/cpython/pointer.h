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

/** Where in its block a pointer points, and what its steps are; stays as it was made. */
typedef struct {
  Py_ssize_t offset; // bytes from the start of the block
  Py_ssize_t bound;  // bytes that a store may take, as far as the block reaches; slice: to its end
  Py_ssize_t index;  // slot: its number; array: its slots, where these have no bytes; slice: the
                     // offset where it starts
  char kind;         // PtrsPyKind
  char stepped;      // slot: steps from the array have led here, and lead back to it
  char readonly;     // no operation on this pointer, or on one made of it, changes the block
  char is_alias;     // another pointer owns the block
  char ending;       // PtrsPyEnding; unless that is none, the pointer is a PtrsPyAdopted
} PtrsPyPlace;

/**
 * A pointer.  What malloc() returns points to the start of its block, and needs no place: it is
 * one of a million of them where memory counts.
 *
 * All fields but PTRS_PY_OWNED, and `link` of an owner, stay as they were made; without a global
 * lock these two are accessed atomically.
 */
typedef struct {
  PyObject_HEAD int64_t handle; // the block, and PTRS_PY_OWNED: this pointer has to free it
  PtrsPyPlace *place;           // NULL: ptrs_py_start
  PyObject *link;               // alias: the pointer that owns the block; else what the block's
                                // memory refers to, the held objects, or NULL
  PyObject *weakrefs;
} PtrsPyPointer;

/** The sign of a handle, which a block does not have. */
#  define PTRS_PY_OWNED INT64_MIN

/** The start of a block. */
extern const PtrsPyPlace ptrs_py_start;

static inline const PtrsPyPlace *
ptrs_py_place(const PtrsPyPointer *pointer)
{
  return pointer->place ? pointer->place : &ptrs_py_start;
}

// Other threads read the handle while an owner lets its block go
#  ifdef Py_GIL_DISABLED
#    define PTRS_PY_HANDLE(pointer) __atomic_load_n(&(pointer)->handle, __ATOMIC_RELAXED)
#  else
#    define PTRS_PY_HANDLE(pointer) ((pointer)->handle)
#  endif

static inline PtrsBlock
ptrs_py_block(const PtrsPyPointer *pointer)
{
  return PTRS_PY_HANDLE(pointer) & INT64_MAX;
}

static inline bool
ptrs_py_is_owner(const PtrsPyPointer *pointer)
{
  return PTRS_PY_HANDLE(pointer) < 0;
}

/** Let the block go to the caller; whether the pointer owned it. */
static inline bool
ptrs_py_disown(PtrsPyPointer *pointer)
{
#  ifdef Py_GIL_DISABLED
  return __atomic_fetch_and(&pointer->handle, INT64_MAX, __ATOMIC_RELAXED) < 0;
#  else
  const bool owned = pointer->handle < 0;
  pointer->handle &= INT64_MAX;
  return owned;
#  endif
}
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
  return ptrs_py_place(pointer)->is_alias ? (PtrsPyPointer *)pointer->link : pointer;
}

/** The held objects of the block that a pointer itself owns, or NULL; borrowed. */
static inline PyObject *
ptrs_py_held_of(PtrsPyPointer *root)
{
  return ptrs_py_place(root)->is_alias ? NULL : __atomic_load_n(&root->link, __ATOMIC_ACQUIRE);
}

/** A pointer of a class to the start of a block. */
PtrsPyPointer *ptrs_py_new_pointer(PyObject *type, PtrsBlock block, bool owned);

/** A pointer to a block that ends in a way, whose class has the field for that. */
PtrsPyPointer *ptrs_py_new_ending(PyObject *type, PtrsBlock block, PtrsPyEnding ending);

/** A pointer that owns an array of slots. */
PtrsPyPointer *ptrs_py_new_array(PyObject *type,
                                 PtrsBlock block,
                                 Py_ssize_t slot_size,
                                 Py_ssize_t count);

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

/** Give the memory of a pointer that is gone back, or keep it for the next one. */
void ptrs_py_give_back(PyObject *self);

#endif
#endif
