// SPDX-License-Identifier: MIT
#include "cpython/export.h"

#include "access/access.h"
#include "cpython/error.h"
#include "cpython/operations.h"
#include "cpython/peek.h"

#ifndef PYPY_VERSION

#  include <stdbool.h>

PyTypeObject *ptrs_py_export_type;

typedef struct {
  PyObject_HEAD PtrsAccessPinGuard guard;
  Py_ssize_t offset;
  Py_ssize_t size;      // bytes
  Py_ssize_t count;     // items
  Py_ssize_t item_size; // bytes
  char format[2];       // of an item: one character of the struct module's
  bool read_only;
  bool is_owned; // the memory was allocated elsewhere, and is freed by a function of the caller's
} Export;

static int
export_getbuffer(PyObject *self, Py_buffer *view, int flags)
{
  Export *const export = (Export *)self;
  uint8_t *const mem   = (uint8_t *)export->guard.mem + export->offset;
  if (PyBuffer_FillInfo(view, self, mem, export->size, export->read_only, flags)) {
    return -1;
  }
  // What was not asked for stays NULL.  Without a shape, the consumer takes items for bytes.
  view->itemsize = export->item_size;
  if (view->format) {
    view->format = export->format;
  }
  if (view->shape) {
    view->shape = &export->count;
  }
  if (view->strides) {
    view->strides = &export->item_size;
  }
  return 0;
}

// Take a pin back whose end may call a function of the caller's: one that waits for another
// thread, or one of Python, while an exception is under way
static void
end_owned(PtrsAccessPinGuard *guard)
{
  PtrsPyError error;
  ptrs_py_error_take(&error);
  Py_BEGIN_ALLOW_THREADS;
  ptrs_access_pin_guard_end(guard);
  Py_END_ALLOW_THREADS;
  ptrs_py_error_put_back(&error);
}

static void
export_dealloc(PyObject *self)
{
  PyTypeObject *const type = Py_TYPE(self);
  // That may free the block, where its pointer is gone
  if (((Export *)self)->is_owned) {
    end_owned(&((Export *)self)->guard);
  } else {
    ptrs_access_pin_guard_end(&((Export *)self)->guard);
  }
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

// An export of the memory from a pointer on, as bytes, or NULL with an exception
static Export *
new_export(PtrsPyPointer *pointer)
{
  Export *const export = PyObject_New(Export, ptrs_py_export_type);
  if (!export) {
    return NULL;
  }
  export->is_owned = false;
  if (!begin(&export->guard, ptrs_py_block(pointer))) {
    Py_DECREF(export);
    return NULL;
  }
  // Pinned, the block is there and keeps its size
  PtrsBlockInfo info = {0};
  (void)ptrs_block_info(ptrs_py_block(pointer), &info);
  const Py_ssize_t end = (Py_ssize_t)info.size;
  export->is_owned     = info.flags & PTRS_BLOCK_OWNED;
  // No further than to the end of the block, also once that has shrunk
  const Py_ssize_t offset = ptrs_py_place(pointer)->offset;
  export->offset          = offset < end ? offset : end;
  export->size            = ptrs_py_left_in(pointer, end);
  if (export->size < 0) {
    Py_DECREF(export);
    PyObject *const size = ptrs_py_slow_1(PTRS_PY_SLICE_SIZE, (PyObject *)pointer);
    if (size) { // by now it is not cut any more
      Py_DECREF(size);
      PyErr_SetString(PyExc_BufferError, "the memory could not be lent just then: try again");
    }
    return NULL;
  }
  export->count     = export->size;
  export->item_size = 1;
  export->format[0] = 'B';
  export->format[1] = '\0';
  export->read_only = ptrs_py_place(pointer)->readonly;
  return export;
}

PyObject *
ptrs_py_new_pin(PtrsPyPointer *pointer, uint8_t **mem, Py_ssize_t *size)
{
  Export *const export = new_export(pointer);
  if (export) {
    *mem  = (uint8_t *)export->guard.mem + export->offset;
    *size = export->size;
  }
  return (PyObject *)export;
}

// Bytes of an item of a format that memoryview.cast() takes; 0 for any other
static Py_ssize_t
size_of_item(char format)
{
  switch (format) {
  case 'b':
  case 'B':
  case 'c':
    return 1;
  case '?':
    return sizeof(_Bool);
  case 'h':
  case 'H':
    return sizeof(short);
  case 'i':
  case 'I':
    return sizeof(int);
  case 'l':
  case 'L':
    return sizeof(long);
  case 'q':
  case 'Q':
    return sizeof(long long);
  case 'n':
  case 'N':
    return sizeof(size_t);
  case 'f':
    return sizeof(float);
  case 'd':
    return sizeof(double);
  case 'P':
    return sizeof(void *);
  default:
    return 0;
  }
}

// Take the arguments of a view; false for what is rare or wrong
static bool
take_arguments(
    PyObject *const *args, Py_ssize_t n_args, PyObject *names, char *format, bool *read_only)
{
  if (names || n_args > 2 || (n_args == 2 && !PyBool_Check(args[1]))) {
    return false;
  }
  *read_only = n_args == 2 && args[1] == Py_False;
  if (!n_args) {
    return true;
  }
  Py_ssize_t length      = 0;
  const char *const text = PyUnicode_CheckExact(args[0]) && PyUnicode_IS_COMPACT_ASCII(args[0])
                               ? PyUnicode_AsUTF8AndSize(args[0], &length)
                               : NULL;
  *format                = text && length == 1 ? text[0] : '\0';
  return size_of_item(*format);
}

// Make items of a format; false if the bytes are no whole number of them, or if there are none,
// which versions of memoryview.cast() treat differently
static bool
set_format(Export *export, char format)
{
  const Py_ssize_t item_size = size_of_item(format);
  if (format != export->format[0] && (!export->size || export->size % item_size)) {
    return false;
  }
  export->format[0] = format;
  export->item_size = item_size;
  export->count     = export->size / item_size;
  return true;
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
  PyObject *const export = (PyObject *)new_export((PtrsPyPointer *)self);
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
  char format    = 'B';
  bool read_only = false;
  if (!take_arguments(args, n_args, names, &format, &read_only)) {
    return ptrs_py_slow_method(PTRS_PY_VIEW, self, args, n_args, names);
  }
  Export *const export = new_export((PtrsPyPointer *)self);
  if (!export) {
    return NULL;
  }
  if (!set_format(export, format)) {
    Py_DECREF(export);
    return ptrs_py_slow_method(PTRS_PY_VIEW, self, args, n_args, names);
  }
  export->read_only    = export->read_only || read_only;
  PyObject *const view = PyMemoryView_FromObject((PyObject *)export);
  Py_DECREF(export);
  return view;
}

#endif
