// SPDX-License-Identifier: MIT
// Buffers: memory that is lent, and pinned meanwhile.
//
// What lends is not the pointer but a lease, so that a pointer can be dropped
// while a view lives; the block then goes with the last lease.
#include "cpython/fast.h"

#ifndef PYPY_VERSION

typedef struct {
  PyObject_HEAD PtrsAccessPinGuard lease;
  Py_ssize_t offset;
  Py_ssize_t size; // bytes
} Lease;

static int
lease_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
  const Lease *const lease = (Lease *)self;
  uint8_t *const mem       = (uint8_t *)lease->lease.mem + lease->offset;
  return PyBuffer_FillInfo(view, self, mem, lease->size, 0, flags);
}

static void
lease_dealloc(PyObject *self)
{
  PyTypeObject *const type = Py_TYPE(self);
  // That may free the block, where its pointer is gone
  ptrs_access_pin_guard_end(&((Lease *)self)->lease);
  PyObject_Free(self);
  Py_DECREF(type);
}

static PyType_Slot lease_slots[] = {
    {Py_tp_doc, (void *)"Lends the memory of a block, and pins it."},
    {Py_tp_dealloc, (void *)lease_dealloc},
    {Py_bf_getbuffer, (void *)lease_getbuffer},
    {0, NULL},
};

PyType_Spec ptrs_lease_spec = {
    .name      = "pointers._fastpath.Lease",
    .basicsize = sizeof(Lease),
    .flags     = Py_TPFLAGS_DEFAULT,
    .slots     = lease_slots,
};

// Pin a block; false with an exception
static bool
begin(PtrsAccessPinGuard *lease, PtrsBlock block)
{
  int status   = 0;
  lease->block = 0;
  if (ptrs_peek_size(block) >= 0) {
    status = ptrs_access_pin_guard_begin(lease, block);
  } else {
    // Gone, or to be waited for
    Py_BEGIN_ALLOW_THREADS;
    status = ptrs_access_pin_guard_begin(lease, block);
    Py_END_ALLOW_THREADS;
  }
  if (!status) {
    return true;
  }
  PyObject *const number = PyLong_FromLongLong(block);
  PyObject *const pinned = number ? ptrs_fall_back_1(PTRS_PY_PIN, number) : NULL;
  Py_XDECREF(number);
  if (pinned) {
    // By now it could be had
    Py_DECREF(pinned);
    PyErr_SetString(PyExc_BufferError, "the memory could not be lent just then: try again");
  }
  return false;
}

// A lease of the memory from a pointer on, or NULL with an exception
static PyObject *
new_lease(PtrsPlace *place)
{
  Lease *const lease = PyObject_New(Lease, ptrs_lease_type);
  if (!lease) {
    return NULL;
  }
  if (!begin(&lease->lease, place->block)) {
    Py_DECREF(lease);
    return NULL;
  }
  // Pinned, the block keeps its size; and if its end is before the pointer, what
  // is lent is nothing, at the start
  const Py_ssize_t size = ptrs_pinned_room(place);
  lease->offset         = size ? place->offset : 0;
  lease->size           = size;
  return (PyObject *)lease;
}

// What np.ndarray(buffer=) asks with: after that it keeps the object and not the
// buffer, so that nothing would pin the block.  (Of a memoryview it keeps `obj`,
// which is a lease.)  Only pyarrow is known to ask alike, and would keep the buffer.
static bool
keeps_no_buffer(int flags)
{
  return (flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS && !(flags & PyBUF_FORMAT);
}

// The buffer is a lease's, and not the pointer's: some keep the object that a
// buffer names, instead of the buffer
int
ptrs_place_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
  view->obj = NULL;
  if (keeps_no_buffer(flags)) {
    PyErr_SetString(
        PyExc_BufferError,
        "a pointer itself lends no buffer to np.ndarray(buffer=...), or to what asks in "
        "the same way, since that would not keep the memory pinned: pass ptr.view()");
    return -1;
  }
  PyObject *const lease = new_lease((PtrsPlace *)self);
  const int failed      = lease ? lease_getbuffer(lease, view, flags) : -1;
  Py_XDECREF(lease);
  return failed;
}

// Nothing, since the lease ends itself.  But NumPy looks for this: a buffer of
// what has none, it gives back at once.
void
ptrs_place_releasebuffer(PyObject *self, Py_buffer *view)
{
  (void)self;
  (void)view;
}

PyObject *
ptrs_place_view(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  if (n_args || names) {
    return ptrs_fall_back_method(PTRS_PY_VIEW, self, args, n_args, names);
  }
  PyObject *const lease = new_lease((PtrsPlace *)self);
  PyObject *const view  = lease ? PyMemoryView_FromObject(lease) : NULL;
  Py_XDECREF(lease);
  return view;
}

#endif
