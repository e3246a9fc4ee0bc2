// SPDX-License-Identifier: MIT
// Blocks of the heap: malloc, free, and pointers that are dropped.
#include "cpython/heap.h"

#include "access/access.h"
#include "cpython/error.h"
#include "cpython/held.h"
#include "cpython/operations.h"
#include "cpython/peek.h"
#include "cpython/wait.h"
#include "cpython/warnings.h"

#ifndef PYPY_VERSION

#  include "ptrs/system.h"

// Whether the default allocator of this context is the C library's
static bool
default_is_system(void)
{
  PyObject *found = NULL;
  if (PyContextVar_Get(ptrs_py_objects[PTRS_PY_DEFAULT], NULL, &found) < 0) {
    PyErr_Clear();
    return false;
  }
  const bool is_system = found == ptrs_py_objects[PTRS_PY_SYSTEM];
  Py_XDECREF(found);
  return is_system;
}

static PtrsBlock
new_block(Py_ssize_t size)
{
  PtrsAllocator *const allocator = ptrs_system_allocator();
  PtrsBlock block                = 0;
  PTRS_PY_WAIT(block, (size_t)size <= PTRS_ACCESS_AT_ONCE,
               ptrs_access_new_block(allocator, (size_t)size, PTRS_ALIGN_DEFAULT));
  return block;
}

// A pointer that owns a new block; NULL with or without an exception
static PtrsPyPointer *
new_owner(PyObject *type, Py_ssize_t size)
{
  const PtrsBlock block = new_block(size);
  if (block == -(PtrsBlock)PTRS_STATUS_NO_MEM) {
    // Not by the Python function, which calls through cffi: in a thread that has not
    // done so before, cffi itself needs memory, and without any glibc ends the process
    return (PtrsPyPointer *)ptrs_py_raise(
        PyObject_CallFunction(ptrs_py_objects[PTRS_PY_NO_MEMORY], "n", size));
  }
  if (block <= 0) {
    return NULL;
  }
  PtrsPyPointer *const pointer = ptrs_py_new_pointer(type, block);
  if (pointer) {
    pointer->owned = 1;
  } else {
    (void)ptrs_block_free(block);
  }
  return pointer;
}

PyObject *
ptrs_py_malloc(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  Py_ssize_t size = 0;
  if (n_args == 1 && !names && ptrs_py_as_index(args[0], &size) && default_is_system()) {
    PtrsPyPointer *const pointer = new_owner(ptrs_py_objects[PTRS_PY_ALLOCATED], size);
    if (pointer || PyErr_Occurred()) {
      return (PyObject *)pointer;
    }
  }
  return ptrs_py_slow(PTRS_PY_MALLOC, args, n_args, names);
}

PyObject *
ptrs_py_calloc(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  Py_ssize_t count = 0;
  Py_ssize_t size  = 0;
  if (n_args == 2 && !names && ptrs_py_as_index(args[0], &count) &&
      ptrs_py_as_index(args[1], &size) && (!size || count <= PY_SSIZE_T_MAX / size) &&
      default_is_system()) {
    PtrsPyPointer *const pointer = new_owner(ptrs_py_objects[PTRS_PY_ARRAY], count * size);
    if (pointer) {
      pointer->bound = size;
      pointer->index = count;
      pointer->kind  = PTRS_PY_KIND_ARRAY;
    }
    if (pointer || PyErr_Occurred()) {
      return (PyObject *)pointer;
    }
  }
  return ptrs_py_slow(PTRS_PY_CALLOC, args, n_args, names);
}

// Whether a block could be freed through this pointer, and was
static bool
free_block(PtrsPyPointer *pointer)
{
  bool would_block = false;
  if (pointer->offset || (pointer->kind == PTRS_PY_KIND_SLOT && pointer->index) ||
      ptrs_block_try_free(pointer->block, PTRS_ACCESS_AT_ONCE, &would_block) || would_block) {
    return false;
  }
  __atomic_store_n(&ptrs_py_root(pointer)->owned, 0, __ATOMIC_RELAXED);
  return true;
}

PyObject *
ptrs_py_pointer_free(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (!n_args && !names && free_block(pointer)) {
    return ptrs_py_release_held(pointer);
  }
  return ptrs_py_slow_method(PTRS_PY_FREE_METHOD, self, args, n_args, names);
}

PyObject *
ptrs_py_free(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  if (n_args == 1 && !names && ptrs_py_is_plain(args[0]) && free_block((PtrsPyPointer *)args[0])) {
    return ptrs_py_release_held((PtrsPyPointer *)args[0]);
  }
  return ptrs_py_slow(PTRS_PY_FREE, args, n_args, names);
}

// Of the classes that are made here alone: others may have a free() of their own
PyObject *
ptrs_py_pointer_enter(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (!n_args && !names && ptrs_py_is_plain(self) && !pointer->offset &&
      ptrs_py_peek_size(pointer->block) >= 0) {
    Py_INCREF(self);
    return self;
  }
  return ptrs_py_slow_method(PTRS_PY_ENTER, self, args, n_args, names);
}

PyObject *
ptrs_py_pointer_exit(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (n_args == 3 && !names && ptrs_py_is_plain(self) && free_block(pointer)) {
    return ptrs_py_release_held(pointer);
  }
  return ptrs_py_slow_method(PTRS_PY_EXIT, self, args, n_args, names);
}

// Warn of a pointer that was dropped with its block, which is gone now
static void
warn_leaked(PyTypeObject *type, int64_t size, PyObject *source)
{
  PyObject *const kind   = (PyObject *)type;
  PyObject *const number = PyLong_FromLongLong(size);
  PyObject *const result =
      number ? ptrs_py_slow_3(PTRS_PY_WARN_LEAKED, kind, number, source) : NULL;
  if (!result) {
    PyErr_WriteUnraisable(kind);
  }
  Py_XDECREF(result);
  Py_XDECREF(number);
}

bool
ptrs_py_free_unheard(PtrsPyPointer *pointer)
{
  // At its very end, an interpreter lets objects go when there is no Python any more
  // (what is in gc.garbage, up to 3.9)
  if (!Py_IsInitialized()) {
    (void)ptrs_access_drop_leaked(pointer->block);
    pointer->owned = 0;
    return true;
  }
  bool would_block = false;
  // An exception that is under way is for the finalizer to put aside
  if (PyErr_Occurred() || !ptrs_py_warnings_are_ignored() ||
      ptrs_block_try_free(pointer->block, PTRS_ACCESS_AT_ONCE, &would_block) || would_block) {
    return false;
  }
  pointer->owned = 0;
  return true;
}

// Free the block of a pointer that owns it, with a warning that names its source
static void
finalize(PtrsPyPointer *pointer, PyObject *source)
{
  // An exception that is under way survives
  PtrsPyError error;
  ptrs_py_error_take(&error);
  int64_t size = 0;
  Py_BEGIN_ALLOW_THREADS;
  size = ptrs_access_drop_leaked(pointer->block);
  Py_END_ALLOW_THREADS;
  if (size >= 0 && !ptrs_py_warnings_are_ignored()) {
    warn_leaked(Py_TYPE(pointer), size, source);
  }
  ptrs_py_error_put_back(&error);
}

void
ptrs_py_finalize(PyObject *self)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (Py_IsInitialized() && __atomic_exchange_n(&pointer->owned, 0, __ATOMIC_RELAXED)) {
    finalize(pointer, self);
  }
}

void
ptrs_py_finalize_late(PtrsPyPointer *pointer)
{
  if (!ptrs_py_free_unheard(pointer)) {
    pointer->owned = 0;
    finalize(pointer, Py_None);
  }
}

#endif
