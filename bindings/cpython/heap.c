// SPDX-License-Identifier: MIT
// Blocks of the heap that end: free, and pointers that are dropped.
#include "cpython/heap.h"

#include "access/access.h"
#include "cpython/adopt.h"
#include "cpython/error.h"
#include "cpython/held.h"
#include "cpython/operations.h"
#include "cpython/peek.h"
#include "cpython/trace.h"
#include "cpython/wait.h"
#include "cpython/warnings.h"

#ifndef PYPY_VERSION

bool ptrs_py_made_in_region;

static bool
free_at_once(PtrsBlock block)
{
  bool would_block = false;
  return !ptrs_block_try_free(block, PTRS_ACCESS_AT_ONCE, &would_block) && !would_block;
}

// The same for a block of an arena, which goes with all others of its arena
static bool
free_in_region(PtrsBlock block)
{
  bool would_block = false;
  return !ptrs_block_try_free_in_region(block, PTRS_ACCESS_AT_ONCE, &would_block) && !would_block;
}

// The same by a function of C, which may wait for another thread
static bool
free_by_function(PtrsBlock block)
{
  PtrsStatus status = PTRS_STATUS_SUCCESS;
  Py_BEGIN_ALLOW_THREADS;
  status = ptrs_block_free(block);
  Py_END_ALLOW_THREADS;
  return !status;
}

// Whether this is a pointer by which a block may be freed
static bool
frees(const PtrsPyPointer *pointer)
{
  const PtrsPyPlace *const place = ptrs_py_place(pointer);
  return !place->offset && !place->readonly && !(place->kind == PTRS_PY_KIND_SLOT && place->index);
}

// Whether a block could be freed through this pointer, and was
static bool
free_block(PtrsPyPointer *pointer)
{
  PtrsPyPointer *const root = ptrs_py_root(pointer);
  const char ending         = ptrs_py_place(root)->ending;
  if (!frees(pointer) || ending == PTRS_PY_ENDING_PYTHON ||
      !(ending == PTRS_PY_ENDING_FREE ? free_by_function(ptrs_py_block(pointer))
                                      : free_at_once(ptrs_py_block(pointer)))) {
    return false;
  }
  (void)ptrs_py_disown(root);
  return true;
}

// Let go of what a block that is gone has kept; None, or NULL with an exception of what ran
// while the line that ends the block was found
static PyObject *
release_all(PtrsPyPointer *pointer)
{
  PtrsPyPointer *const root = ptrs_py_root(pointer);
  PtrsPyError error;
  const bool is_told = ptrs_py_trace_freed(ptrs_py_block(pointer));
  if (!is_told) {
    ptrs_py_error_take(&error);
  }
  Py_XDECREF(ptrs_py_take_own(root));
  if (ptrs_py_held_of(root)) {
    Py_DECREF(ptrs_py_release_held(root));
  }
  if (is_told) {
    Py_RETURN_NONE;
  }
  ptrs_py_error_put_back(&error);
  return NULL;
}

PyObject *
ptrs_py_pointer_free(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (!n_args && !names && free_block(pointer)) {
    return release_all(pointer);
  }
  return ptrs_py_slow_method(PTRS_PY_FREE_METHOD, self, args, n_args, names);
}

PyObject *
ptrs_py_adopted_free(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (!n_args && !names && free_block(pointer)) {
    return release_all(pointer);
  }
  return ptrs_py_slow_method(PTRS_PY_ADOPTED_FREE, self, args, n_args, names);
}

PyObject *
ptrs_py_free(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  if (n_args == 1 && !names && ptrs_py_is_plain(args[0]) && free_block((PtrsPyPointer *)args[0])) {
    return release_all((PtrsPyPointer *)args[0]);
  }
  return ptrs_py_slow(PTRS_PY_FREE, args, n_args, names);
}

// Give the memory of a block away; its address, or NULL with or without an exception
static PyObject *
give(PtrsPyPointer *pointer)
{
  PtrsEntry seen;
  bool gone         = false;
  void *mem         = NULL;
  PtrsStatus status = PTRS_STATUS_SUCCESS;
  if (!frees(pointer) || !ptrs_py_peek(ptrs_py_block(pointer), &seen, &gone)) {
    return NULL;
  }
  // Before the memory is given away: later there may be no memory for it
  PyObject *address = PyLong_FromVoidPtr(seen.mem);
  if (!address) {
    return NULL;
  }
  Py_BEGIN_ALLOW_THREADS;
  status = ptrs_block_give(ptrs_py_block(pointer), &mem);
  Py_END_ALLOW_THREADS;
  if (status) {
    Py_DECREF(address);
    return NULL;
  }
  (void)ptrs_py_disown(ptrs_py_root(pointer));
  if (mem != seen.mem) { // another thread has moved the block in between
    Py_DECREF(address);
    address = PyLong_FromVoidPtr(mem);
  }
  PyObject *const released = release_all(pointer);
  if (!released) {
    PyErr_WriteUnraisable((PyObject *)Py_TYPE(pointer)); // the address is not to be lost
  }
  Py_XDECREF(released);
  return address;
}

PyObject *
ptrs_py_pointer_release(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PyObject *const address =
      n_args || names || !ptrs_py_is_plain(self) ? NULL : give((PtrsPyPointer *)self);
  return address || PyErr_Occurred()
             ? address
             : ptrs_py_slow_method(PTRS_PY_RELEASE, self, args, n_args, names);
}

// Of the classes that are made here alone: others may have a free() of their own
PyObject *
ptrs_py_pointer_enter(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (!n_args && !names && ptrs_py_is_plain(self) && !ptrs_py_place(pointer)->offset &&
      !ptrs_py_place(pointer)->readonly && ptrs_py_peek_size(ptrs_py_block(pointer)) >= 0) {
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
    return release_all(pointer);
  }
  return ptrs_py_slow_method(PTRS_PY_EXIT, self, args, n_args, names);
}

// Warn of a pointer that was dropped with its block, which is gone now
static void
warn_leaked(PyTypeObject *type, int64_t size, PyObject *source, PtrsBlock block)
{
  PyObject *const args[] = {(PyObject *)type, PyLong_FromLongLong(size), source,
                            PyLong_FromLongLong(block)};
  PyObject *const result =
      args[1] && args[3] ? ptrs_py_slow(PTRS_PY_WARN_LEAKED, args, 4, NULL) : NULL;
  if (!result) {
    PyErr_WriteUnraisable(args[0]);
  }
  Py_XDECREF(result);
  Py_XDECREF(args[1]);
  Py_XDECREF(args[3]);
}

// Whether it may matter to someone that a pointer was dropped with its block
static bool
is_heard(const PtrsPyPointer *pointer)
{
  return ptrs_py_place(pointer)->ending != PTRS_PY_ENDING_QUIET && !ptrs_py_warnings_are_ignored();
}

// Free the block of a pointer that was dropped, where nobody hears of that.  Blocks of an arena
// need no look at the filters, of which there are many; whether the block may be one is a guess by
// the last one that was allocated.
static bool
free_unheard(const PtrsPyPointer *pointer)
{
  const PtrsBlock block = ptrs_py_block(pointer);
  const bool guessed    = __atomic_load_n(&ptrs_py_made_in_region, __ATOMIC_RELAXED);
  if (guessed && free_in_region(block)) {
    return true;
  }
  return is_heard(pointer) ? !guessed && free_in_region(block) : free_at_once(block);
}

bool
ptrs_py_free_unheard(PtrsPyPointer *pointer)
{
  // At its very end, an interpreter lets objects go when there is no Python any more
  // (what is in gc.garbage, up to 3.9)
  if (!Py_IsInitialized()) {
    (void)ptrs_access_drop_leaked(ptrs_py_block(pointer));
    (void)ptrs_py_disown(pointer);
    return true;
  }
  // An exception that is under way is for the finalizer to put aside
  if (PyErr_Occurred() || __atomic_load_n(&ptrs_py_traces, __ATOMIC_RELAXED) ||
      !free_unheard(pointer)) {
    return false;
  }
  (void)ptrs_py_disown(pointer);
  return true;
}

// Whether a block that was dropped is gone, and not left to its pins
static bool
has_ended(PtrsBlock block)
{
  PtrsBlockInfo info;
  return ptrs_block_info(block, &info);
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
  size = ptrs_access_drop_leaked(ptrs_py_block(pointer));
  Py_END_ALLOW_THREADS;
  if (size >= 0 && is_heard(pointer)) {
    warn_leaked(Py_TYPE(pointer), size, source, ptrs_py_block(pointer));
  } else if (has_ended(ptrs_py_block(pointer)) && !ptrs_py_trace_freed(ptrs_py_block(pointer))) {
    PyErr_WriteUnraisable((PyObject *)Py_TYPE(pointer));
  }
  ptrs_py_leave_kept(pointer);
  ptrs_py_error_put_back(&error);
}

void
ptrs_py_finalize(PyObject *self)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (Py_IsInitialized() && ptrs_py_disown(pointer)) {
    finalize(pointer, self);
  }
}

void
ptrs_py_finalize_late(PtrsPyPointer *pointer)
{
  if (!ptrs_py_free_unheard(pointer)) {
    (void)ptrs_py_disown(pointer);
    finalize(pointer, Py_None);
  }
}

#endif
