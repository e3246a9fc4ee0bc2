// SPDX-License-Identifier: MIT
// Objects to images and back, by the codec and the public interfaces of the
// objects alone: nothing is taken for granted about how they are laid out.
#include "cpython/value.h"

#include "cpython/wait.h"

#ifndef PYPY_VERSION

#  include <string.h>

static bool
value_of_text(PyObject *obj, PtrsCodecValue *value)
{
#  if PY_VERSION_HEX < 0x030C0000
  // Text in the form of old: its items are elsewhere
  if (!PyUnicode_IS_READY(obj)) {
    return false;
  }
#  endif
  value->kind  = PTRS_CODEC_STR;
  value->width = (int)PyUnicode_KIND(obj);
  value->data  = PyUnicode_DATA(obj);
  value->count = (size_t)PyUnicode_GET_LENGTH(obj);
  return true;
}

bool
ptrs_py_value_of(PyObject *obj, PtrsCodecValue *value)
{
  // By identity: what a subclass adds would be lost
  const PyTypeObject *const type = Py_TYPE(obj);
  const PtrsCodecValue blank     = {.width = 1};
  *value                         = blank;

  if (type == &PyLong_Type) {
    int overflow   = 0;
    value->kind    = PTRS_CODEC_INT;
    value->integer = PyLong_AsLongLongAndOverflow(obj, &overflow);
    return !overflow;
  }
  if (type == &PyUnicode_Type) {
    return value_of_text(obj, value);
  }
  if (type == &PyFloat_Type) {
    value->kind = PTRS_CODEC_FLOAT;
    value->real = PyFloat_AS_DOUBLE(obj);
    return true;
  }
  if (type == &PyBytes_Type) {
    value->kind  = PTRS_CODEC_BYTES;
    value->data  = PyBytes_AS_STRING(obj);
    value->count = (size_t)PyBytes_GET_SIZE(obj);
    return true;
  }
  if (type == &PyBool_Type) {
    value->kind    = PTRS_CODEC_BOOL;
    value->integer = obj == Py_True;
    return true;
  }
  if (obj == Py_None) {
    value->kind = PTRS_CODEC_NONE;
    return true;
  }
  if (type == &PyComplex_Type) {
    value->kind = PTRS_CODEC_COMPLEX;
    value->real = PyComplex_RealAsDouble(obj);
    value->imag = PyComplex_ImagAsDouble(obj);
    return true;
  }
  return false;
}

static int64_t
store(PtrsBlock block, Py_ssize_t offset, Py_ssize_t bound, const PtrsCodecValue *value)
{
  int64_t size = 0;
  // The value's object is held by the caller, and is immutable
  PTRS_PY_WAIT(size, true,
               ptrs_access_store_value(block, (size_t)offset, (size_t)bound, value, would_block));
  return size;
}

// Bytes of an int in two's complement with its sign, low byte first; 0 with an
// exception
static size_t
bytes_of_int(PyObject *obj, unsigned char **bytes)
{
#  if PY_VERSION_HEX >= 0x030D0000
  const int flags        = Py_ASNATIVEBYTES_LITTLE_ENDIAN;
  const Py_ssize_t count = PyLong_AsNativeBytes(obj, NULL, 0, flags);
  if (count <= 0) {
    return 0;
  }
#  else
  const size_t count        = _PyLong_NumBits(obj) / 8 + 1;
#  endif
  *bytes = (unsigned char *)PyMem_Malloc((size_t)count);
  if (!*bytes) {
    PyErr_NoMemory();
    return 0;
  }
#  if PY_VERSION_HEX >= 0x030D0000
  const bool failed = PyLong_AsNativeBytes(obj, *bytes, count, flags) < 0;
#  else
  const bool failed         = _PyLong_AsByteArray((PyLongObject *)obj, *bytes, count, 1, 1) < 0;
#  endif
  if (failed) {
    PyMem_Free(*bytes);
    return 0;
  }
  return (size_t)count;
}

// Make the magnitude of a negative number in two's complement
static void
negate(unsigned char *bytes, size_t count)
{
  unsigned carry = 1;
  for (size_t i = 0; i < count; ++i) {
    carry += (unsigned char)~bytes[i];
    bytes[i] = (unsigned char)carry;
    carry >>= 8;
  }
}

static int64_t
store_big_int(PtrsBlock block, Py_ssize_t offset, Py_ssize_t bound, PyObject *obj)
{
  unsigned char *bytes = NULL;
  const size_t count   = bytes_of_int(obj, &bytes);
  if (!count) {
    PyErr_Clear();
    return -PTRS_STATUS_NO_MEM;
  }
  const bool negative = bytes[count - 1] & 0x80;
  if (negative) {
    negate(bytes, count);
  }
  const PtrsCodecValue value = {
      .kind = PTRS_CODEC_INT, .negative = negative, .data = bytes, .count = count};
  const int64_t size = store(block, offset, bound, &value);
  PyMem_Free(bytes);
  return size;
}

int64_t
ptrs_py_store_object(PtrsBlock block, Py_ssize_t offset, Py_ssize_t bound, PyObject *obj)
{
  PtrsCodecValue value;
  if (ptrs_py_value_of(obj, &value)) {
    return store(block, offset, bound, &value);
  }
  return Py_TYPE(obj) == &PyLong_Type ? store_big_int(block, offset, bound, obj)
                                      : -PTRS_STATUS_NOT_SUPPORTED;
}

static PyObject *
new_big_int(const PtrsCodecValue *value)
{
  const unsigned char *const bytes = (const unsigned char *)value->data;
#  if PY_VERSION_HEX >= 0x030D0000
  PyObject *const magnitude =
      PyLong_FromUnsignedNativeBytes(bytes, value->count, Py_ASNATIVEBYTES_LITTLE_ENDIAN);
#  else
  PyObject *const magnitude = _PyLong_FromByteArray(bytes, value->count, 1, 0);
#  endif
  if (!magnitude || !value->negative) {
    return magnitude;
  }
  PyObject *const number = PyNumber_Negative(magnitude);
  Py_DECREF(magnitude);
  return number;
}

// A new object of a value that was validated
static PyObject *
new_object(int kind, const PtrsCodecValue *value)
{
  const Py_ssize_t count = (Py_ssize_t)value->count;
  switch (kind) {
  case PTRS_CODEC_INT:
    return count ? new_big_int(value) : PyLong_FromLongLong(value->integer);
  case PTRS_CODEC_STR:
    return PyUnicode_FromKindAndData(value->width, value->data, count);
  case PTRS_CODEC_FLOAT:
    return PyFloat_FromDouble(value->real);
  case PTRS_CODEC_BYTES:
    return PyBytes_FromStringAndSize((const char *)value->data, count);
  case PTRS_CODEC_BOOL:
    return PyBool_FromLong((long)value->integer);
  case PTRS_CODEC_NONE:
    Py_RETURN_NONE;
  case PTRS_CODEC_COMPLEX:
    return PyComplex_FromDoubles(value->real, value->imag);
  default:
    return NULL; // empty, a reference, or an error
  }
}

// Large ASCII text, right into a new object; NULL with or without an exception
static PyObject *
load_text(PtrsBlock block, Py_ssize_t offset, Py_ssize_t count)
{
  PyObject *const text = PyUnicode_New(count, 127);
  if (!text) {
    return NULL;
  }
  int found           = 0;
  uint8_t *const data = PyUnicode_1BYTE_DATA(text);
  PTRS_PY_WAIT(found, true,
               ptrs_access_load_ascii(block, (size_t)offset, data, (size_t)count, would_block));
  if (found != 1) {
    Py_DECREF(text);
    return NULL; // the slow path finds out what is there now
  }
  return text;
}

PyObject *
ptrs_py_load_object(PtrsBlock block, Py_ssize_t offset, int64_t *key)
{
  PtrsAccessLoad load;
  load.heap        = NULL;
  load.heap_size   = 0;
  load.leaves_text = 1;
  int kind         = PTRS_CODEC_EMPTY;
  PTRS_PY_WAIT(kind, true, ptrs_access_load_value(block, (size_t)offset, &load, would_block));
  if (kind == PTRS_CODEC_REFERENCE) {
    *key = load.value.integer;
    return NULL;
  }
  if (kind == PTRS_CODEC_STR && load.value.count && !load.value.data) {
    return load_text(block, offset, (Py_ssize_t)load.value.count);
  }
  PyObject *const obj = new_object(kind, &load.value);
  if (load.heap) {
    ptrs_access_load_clear(&load);
  }
  return obj;
}

#endif
