// SPDX-License-Identifier: MIT
#include "cpython/export.h"

#include "access/access.h"
#include "cpython/operations.h"
#include "cpython/peek.h"

#ifndef PYPY_VERSION

PyTypeObject *ptrs_py_export_type;

typedef struct {
  PyObject_HEAD PtrsAccessPinGuard guard;
  Py_ssize_t offset;
  Py_ssize_t size; // bytes
} Export;

static int
export_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
  const Export *const export = (Export *)self;
  uint8_t *const mem         = (uint8_t *)export->guard.mem + export->offset;
  return PyBuffer_FillInfo(view, self, mem, export->size, 0, flags);
}

static void
export_dealloc(PyObject *self)
{
  PyTypeObject *const type = Py_TYPE(self);
  // That may free the block, where its pointer is gone
  ptrs_access_pin_guard_end(&((Export *)self)->guard);
  PyObject_Free(self);
  Py_DECREF(type);
}

static PyType_Slot export_slots[] = {
    {Py_tp_doc, (void *)"Lends the memory of a block, and pins it."},
    {Py_tp_dealloc, (void *)export_dealloc},
    {Py_bf_getbuffer, (void *)export_getbuffer},
    {0, NULL},
};

PyType_Spec ptrs_py_export_spec = {
    .name      = "pointers._fastpath.Export",
    .basicsize = sizeof(Export),
    .flags     = Py_TPFLAGS_DEFAULT,
    .slots     = export_slots,
};

// Pin a block; false with an exception
static bool
begin(PtrsAccessPinGuard *guard, PtrsBlock block)
{
  int status   = 0;
  guard->block = 0;
  if (ptrs_py_peek_size(block) >= 0) {
    status = ptrs_access_pin_guard_begin(guard, block);
  } else {
    // Gone, or to be waited for
    Py_BEGIN_ALLOW_THREADS;
    status = ptrs_access_pin_guard_begin(guard, block);
    Py_END_ALLOW_THREADS;
  }
  if (!status) {
    return true;
  }
  PyObject *const number = PyLong_FromLongLong(block);
  PyObject *const pinned = number ? ptrs_py_slow_1(PTRS_PY_PIN, number) : NULL;
  Py_XDECREF(number);
  if (pinned) {
    // By now it could be had
    Py_DECREF(pinned);
    PyErr_SetString(PyExc_BufferError, "the memory could not be lent just then: try again");
  }
  return false;
}

// An export of the memory from a pointer on, or NULL with an exception
static PyObject *
new_export(PtrsPyPointer *pointer)
{
  Export *const export = PyObject_New(Export, ptrs_py_export_type);
  if (!export) {
    return NULL;
  }
  if (!begin(&export->guard, pointer->block)) {
    Py_DECREF(export);
    return NULL;
  }
  // Pinned, the block keeps its size; and if its end is before the pointer, what
  // is lent is nothing, at the start
  const Py_ssize_t size = ptrs_py_pinned_left(pointer);
  export->offset        = size ? pointer->offset : 0;
  export->size          = size;
  return (PyObject *)export;
}

// What np.ndarray(buffer=) asks with: after that it keeps the object and not the
// buffer, so that nothing would pin the block.  (Of a memoryview it keeps `obj`,
// which is an export.)  Only pyarrow is known to ask alike, and would keep the buffer.
static bool
keeps_no_buffer(int flags)
{
  return (flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS && !(flags & PyBUF_FORMAT);
}

// The buffer is an export's, and not the pointer's: some consumers keep the object that a
// buffer names, instead of the buffer
int
ptrs_py_pointer_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
  view->obj = NULL;
  if (keeps_no_buffer(flags)) {
    PyErr_SetString(
        PyExc_BufferError,
        "a pointer itself lends no buffer to np.ndarray(buffer=...), or to what asks in "
        "the same way, since that would not keep the memory pinned: pass ptr.view()");
    return -1;
  }
  PyObject *const export = new_export((PtrsPyPointer *)self);
  const int failed       = export ? export_getbuffer(export, view, flags) : -1;
  Py_XDECREF(export);
  return failed;
}

// Nothing, since the export ends itself.  But NumPy looks for this: a buffer of
// what has none, it gives back at once.
void
ptrs_py_pointer_releasebuffer(PyObject *self, Py_buffer *view)
{
  (void)self;
  (void)view;
}

PyObject *
ptrs_py_pointer_view(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  if (n_args || names) {
    return ptrs_py_slow_method(PTRS_PY_VIEW, self, args, n_args, names);
  }
  PyObject *const export = new_export((PtrsPyPointer *)self);
  PyObject *const view   = export ? PyMemoryView_FromObject(export) : NULL;
  Py_XDECREF(export);
  return view;
}

#endif
