// SPDX-License-Identifier: MIT
// Whether this interpreter's objects are what the fast path takes them for: each
// sample has to come back as it was, and its image has to be the one that the
// codec makes of the same value in another form.
#include "cpython/check.h"

#include "access/access.h"
#include "cpython/value.h"

#ifndef PYPY_VERSION

#  include "ptrs/system.h"

#  define ROOM ((size_t)256)

typedef struct {
  PtrsBlock direct;
  PtrsBlock indirect;
} Blocks;

// The image of an int, from the bytes that its own method gives
static int64_t
store_int_bytes(PtrsBlock block, PyObject *number)
{
  PyObject *const magnitude = PyNumber_Absolute(number);
  PyObject *const bytes =
      magnitude ? PyObject_CallMethod(magnitude, "to_bytes", "is", 32, "little") : NULL;
  PyObject *const zero = PyLong_FromLong(0);
  const int negative   = zero ? PyObject_RichCompareBool(number, zero, Py_LT) : -1;
  int64_t size         = -1;
  if (bytes && negative >= 0) {
    size = ptrs_access_store_items(block, 0, ROOM, PTRS_CODEC_INT, PyBytes_AS_STRING(bytes), 1,
                                   (size_t)PyBytes_GET_SIZE(bytes), negative);
  }
  Py_XDECREF(magnitude);
  Py_XDECREF(bytes);
  Py_XDECREF(zero);
  return size;
}

// The image of text, from its code points one by one
static int64_t
store_code_points(PtrsBlock block, PyObject *text)
{
  uint32_t items[16];
  const Py_ssize_t count = PyUnicode_GetLength(text);
  if (count > (Py_ssize_t)Py_ARRAY_LENGTH(items)) {
    return -1;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    items[i] = PyUnicode_ReadChar(text, i);
  }
  return ptrs_access_store_items(block, 0, ROOM, PTRS_CODEC_STR, items, 4, (size_t)count, 0);
}

static int64_t
store_number(PtrsBlock block, int kind, int64_t integer, double real, double imag)
{
  return ptrs_access_store_number(block, 0, ROOM, kind, integer, real, imag);
}

static int64_t
store_indirectly(PtrsBlock block, PyObject *obj)
{
  if (PyBool_Check(obj)) {
    return store_number(block, PTRS_CODEC_BOOL, PyObject_IsTrue(obj), 0, 0);
  }
  if (PyLong_Check(obj)) {
    return store_int_bytes(block, obj);
  }
  if (PyFloat_Check(obj)) {
    return store_number(block, PTRS_CODEC_FLOAT, 0, PyFloat_AsDouble(obj), 0);
  }
  if (PyComplex_Check(obj)) {
    return store_number(block, PTRS_CODEC_COMPLEX, 0, PyComplex_RealAsDouble(obj),
                        PyComplex_ImagAsDouble(obj));
  }
  if (PyBytes_Check(obj)) {
    char *data       = NULL;
    Py_ssize_t count = 0;
    return PyBytes_AsStringAndSize(obj, &data, &count)
               ? -1
               : ptrs_access_store_items(block, 0, ROOM, PTRS_CODEC_BYTES, data, 1, (size_t)count,
                                         0);
  }
  return PyUnicode_Check(obj) ? store_code_points(block, obj)
                              : store_number(block, PTRS_CODEC_NONE, 0, 0, 0);
}

static bool
is_understood(const Blocks *blocks, PyObject *obj)
{
  const int64_t size = ptrs_py_store_object(blocks->direct, 0, (Py_ssize_t)ROOM, obj);
  int order          = 1;
  if (size < 0 || store_indirectly(blocks->indirect, obj) != size ||
      ptrs_block_compare(blocks->direct, 0, blocks->indirect, 0, (size_t)size, &order) || order) {
    return false;
  }
  int64_t key            = 0;
  PyObject *const loaded = ptrs_py_load_object(blocks->direct, 0, &key);
  const bool same        = loaded && Py_TYPE(loaded) == Py_TYPE(obj) &&
                    PyObject_RichCompareBool(loaded, obj, Py_EQ) == 1;
  Py_XDECREF(loaded);
  return same;
}

// One value for each way through value.c
static PyObject *
make_samples(void)
{
  const Py_complex number = {0.5, -2.0};
  const Py_UCS4 wide[]    = {0x10307, 'w', 0x107};
  const Py_UCS4 middle[]  = {0x107, 0xD800, 'm'};
  PyObject *const big = PyLong_FromString("-10000000000000000000000000000000000000000", NULL, 10);
  PyObject *const wide_text = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, wide, 3);
  PyObject *const text      = PyUnicode_FromKindAndData(PyUnicode_4BYTE_KIND, middle, 3);
  // "N" takes the references, and fails where one is missing
  return Py_BuildValue("[OOOiiiLLKNdDsy#y#sNN]", Py_None, Py_True, Py_False, 0, 1, -1,
                       (long long)1 << 30, -((long long)1 << 62), (unsigned long long)1 << 63, big,
                       -1.5, &number, "sample", "", (Py_ssize_t)0, "\0bytes", (Py_ssize_t)6,
                       "s\xc3\xa9", wide_text, text);
}

bool
ptrs_py_check_objects(void)
{
  PtrsAllocator *const allocator = ptrs_system_allocator();
  const Blocks blocks     = {.direct   = ptrs_access_new_block(allocator, ROOM, PTRS_ALIGN_DEFAULT),
                             .indirect = ptrs_access_new_block(allocator, ROOM, PTRS_ALIGN_DEFAULT)};
  PyObject *const samples = make_samples();
  bool good               = samples && blocks.direct > 0 && blocks.indirect > 0;
  for (Py_ssize_t i = 0; good && i < PyList_GET_SIZE(samples); ++i) {
    good = is_understood(&blocks, PyList_GET_ITEM(samples, i));
  }
  Py_XDECREF(samples);
  PyErr_Clear();
  (void)ptrs_block_free(blocks.direct);
  (void)ptrs_block_free(blocks.indirect);
  return good;
}

#endif
