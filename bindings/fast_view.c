// SPDX-License-Identifier: MIT
// Buffers: memory that is lent, and pinned meanwhile.
//
// What lends is not the pointer but a lease, so that a pointer can be dropped
// while a view lives; the block then goes with the last lease.
#include "fast.h"

#ifndef PYPY_VERSION

typedef struct {
  PyObject_HEAD PtrsLease lease;
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
  ptrs_lease_end(&((Lease *)self)->lease);
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

// A lease of the memory from a pointer on, or NULL with an exception
static PyObject *
new_lease(PtrsPlace *place)
{
  Lease *const lease = PyObject_New(Lease, ptrs_lease_type);
  if (!lease) {
    return NULL;
  }
  lease->lease.block = 0;
  int status         = 0;
  if (ptrs_peek_size(place->block) >= 0) {
    status = ptrs_lease_begin(&lease->lease, place->block);
  } else {
    // Gone, or to be waited for
    Py_BEGIN_ALLOW_THREADS;
    status = ptrs_lease_begin(&lease->lease, place->block);
    Py_END_ALLOW_THREADS;
  }
  if (status) {
    Py_DECREF(lease);
    PyObject *const number = PyLong_FromLongLong(place->block);
    PyObject *const pinned = number ? ptrs_fall_back_1(PTRS_PY_PIN, number) : NULL;
    Py_XDECREF(number);
    if (pinned) {
      // By now it could be had
      Py_DECREF(pinned);
      PyErr_SetString(PyExc_BufferError, "the memory cannot be lent just now: try again");
    }
    return NULL;
  }
  // Pinned, the block keeps its size
  PtrsBlockInfo info;
  (void)ptrs_block_info(place->block, &info);
  const Py_ssize_t left = (Py_ssize_t)info.size - place->offset;
  const Py_ssize_t size = left > 0 ? left : 0;
  lease->offset         = left > 0 ? place->offset : (Py_ssize_t)info.size;
  lease->size           = place->kind == PTRS_PLACE_SLOT && place->room < size ? place->room : size;
  return (PyObject *)lease;
}

int
ptrs_place_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
  view->obj             = NULL;
  PyObject *const lease = new_lease((PtrsPlace *)self);
  if (!lease) {
    return -1;
  }
  const int result = PyObject_GetBuffer(lease, view, flags);
  Py_DECREF(lease);
  return result;
}

PyObject *
ptrs_place_view(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  if (n_args || names) {
    PyObject *all[4]       = {self};
    const Py_ssize_t n_all = n_args + (names ? PyTuple_GET_SIZE(names) : 0);
    if (n_all >= (Py_ssize_t)Py_ARRAY_LENGTH(all)) {
      PyErr_Format(PyExc_TypeError, "takes no %zd arguments", n_all);
      return NULL;
    }
    for (Py_ssize_t i = 0; i < n_all; ++i) {
      all[i + 1] = args[i];
    }
    return ptrs_fall_back(PTRS_PY_VIEW, all, n_args + 1, names);
  }
  PyObject *const lease = new_lease((PtrsPlace *)self);
  PyObject *const view  = lease ? PyMemoryView_FromObject(lease) : NULL;
  Py_XDECREF(lease);
  return view;
}

#endif
