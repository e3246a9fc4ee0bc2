// SPDX-License-Identifier: MIT
/**
 * @file operations.h
 * The one table of what the fast path serves, and of the Python objects that it needs for
 * that.  The numbers of these objects, the prototypes of the C functions, their installation
 * (install.c) and the look-up of the slow paths (slow.h) follow from it.  So a new operation
 * is a row here, its C function and its Python function.
 *
 * The Python function of a row is its reference and its slow path: the C function does what
 * is common, and calls the Python function, with the same arguments, for what is rare or an
 * error.  So each message and each rule stands once, in Python.
 */
#ifndef POINTERS_CPYTHON_OPERATIONS_H
#define POINTERS_CPYTHON_OPERATIONS_H

#include <Python.h>

#ifndef PYPY_VERSION

/** Classes whose instances are made in C: (id, name). */
#  define PTRS_PY_CLASSES(ROW)                                                                     \
    ROW(ALLOCATED, "AllocatedPointer")                                                             \
    ROW(ARRAY, "AllocatedArrayPointer")                                                            \
    ROW(SLOT, "ArraySlotPointer")                                                                  \
    ROW(STACK, "StackAllocatedPointer")                                                            \
    ROW(SLICE, "SlicePointer")

/** Other Python objects: (id, name), with the arguments of those that are called. */
#  define PTRS_PY_HELPERS(ROW)                                                                     \
    ROW(HELD_OF, "held_of")                 /* (handle): the held objects of a block */            \
    ROW(MISSING, "MISSING")                 /* where held objects have no such key */              \
    ROW(POINTER, "Pointer")                 /* the class of all pointers */                        \
    ROW(DEFAULT, "default_allocator")       /* the context variable of the default allocator */    \
    ROW(WARN_LEAKED, "warn_leaked")         /* (class, size, pointer or None, handle) */           \
    ROW(BLOCK_ALLOCATED, "block_allocated") /* (handle), while tracemalloc traces */               \
    ROW(BLOCK_FREED, "block_freed")         /* (handle), once blocks have been traced */           \
    ROW(CLASS_ERROR, "class_error")         /* (pointer): an exception */                          \
    ROW(PIN, "pin")                         /* (handle), for the errors of that */                 \
    ROW(DESCRIBE, "describe")               /* (stack function, function): is it in a class? */    \
    ROW(STACK_ERROR, "stack_error")         /* (status, size): an exception */                     \
    ROW(NO_MEMORY, "no_memory")             /* (size, limit, lives, asked): an exception */        \
    ROW(SUSPENDED_ERROR, "suspended_error") /* (function, result): an exception */                 \
    ROW(WRAPPED_ERROR, "wrapped_error")     /* (function): an exception */                         \
    ROW(NO_SELF_ERROR, "no_self_error")     /* (function): an exception */                         \
    ROW(ARRAYS_OVER, "arrays_over")         /* dict: size: what makes an array of ctypes */        \
    ROW(COUNT_SLOTS, "count_slots")         /* (pointer): slots of its array */

/** Functions: (id, name, signature, C function). */
#  define PTRS_PY_FUNCTIONS(ROW)                                                                   \
    ROW(MALLOC, "malloc", "($module, size, *, align=None, allocator=None)", ptrs_py_malloc)        \
    ROW(CALLOC, "calloc", "($module, count, size, *, align=None, allocator=None)", ptrs_py_calloc) \
    ROW(FREE, "free", "($module, ptr)", ptrs_py_free)                                              \
    ROW(REALLOC, "realloc", "($module, ptr, size)", ptrs_py_realloc)                               \
    ROW(MEMCPY, "memcpy", "($module, dst, src, n)", ptrs_py_memcpy)                                \
    ROW(MEMMOVE, "memmove", "($module, dst, src, n)", ptrs_py_memmove)                             \
    ROW(MEMSET, "memset", "($module, dst, byte, n)", ptrs_py_memset)                               \
    ROW(MEMCMP, "memcmp", "($module, a, b, n)", ptrs_py_memcmp)

/** Methods: (id, class, name, signature, C function). */
#  define PTRS_PY_METHODS(ROW)                                                                     \
    ROW(MOVE, "Pointer", "move", "($self, obj, *, unsafe=False)", ptrs_py_pointer_move)            \
    ROW(DEREFERENCE, "Pointer", "dereference", "($self)", ptrs_py_pointer_dereference)             \
    ROW(SLICE_MOVE, "SlicePointer", "move", "($self, obj, *, unsafe=False)", ptrs_py_pointer_move) \
    ROW(SLICE_DEREFERENCE, "SlicePointer", "dereference", "($self)", ptrs_py_pointer_dereference)  \
    ROW(READ, "Location", "read", "($self, n=None)", ptrs_py_pointer_read)                         \
    ROW(WRITE, "Location", "write", "($self, data)", ptrs_py_pointer_write)                        \
    ROW(STRING, "Location", "string", "($self, encoding='utf-8', errors='strict')",                \
        ptrs_py_pointer_string)                                                                    \
    ROW(WRITE_STRING, "Location", "write_string", "($self, text, encoding='utf-8')",               \
        ptrs_py_pointer_write_string)                                                              \
    ROW(BYTES, "Location", "__bytes__", "($self)", ptrs_py_pointer_bytes)                          \
    ROW(INT, "Location", "__int__", "($self)", ptrs_py_pointer_int)                                \
    ROW(LENGTH, "AllocatedArrayPointer", "__len__", "($self)", ptrs_py_array_length)               \
    ROW(VIEW, "Location", "view", "($self, format='B', writable=True)", ptrs_py_pointer_view)      \
    ROW(MALLOC_METHOD, "Allocator", "malloc", "($self, size, *, align=None)",                      \
        ptrs_py_allocator_malloc)                                                                  \
    ROW(CALLOC_METHOD, "Allocator", "calloc", "($self, count, size, *, align=None)",               \
        ptrs_py_allocator_calloc)                                                                  \
    ROW(DEFAULT_INIT, "allocator", "__init__", "($self, source)", ptrs_py_default_init)            \
    ROW(DEFAULT_ENTER, "allocator", "__enter__", "($self)", ptrs_py_default_enter)                 \
    ROW(DEFAULT_EXIT, "allocator", "__exit__", "($self, kind=None, *_exc_info)",                   \
        ptrs_py_default_exit)                                                                      \
    ROW(FREE_METHOD, "HeapPointer", "free", "($self)", ptrs_py_pointer_free)                       \
    ROW(REALLOC_METHOD, "HeapPointer", "realloc", "($self, size)", ptrs_py_pointer_realloc)        \
    ROW(RELEASE, "HeapPointer", "release", "($self)", ptrs_py_pointer_release)                     \
    ROW(ENTER, "HeapPointer", "__enter__", "($self)", ptrs_py_pointer_enter)                       \
    ROW(EXIT, "HeapPointer", "__exit__", "($self, *exc_info)", ptrs_py_pointer_exit)               \
    ROW(SLICE_OF, "BytePointer", "slice", "($self, start, size)", ptrs_py_pointer_slice)           \
    ROW(HEAP_SLICE_OF, "HeapPointer", "slice", "($self, start, size)", ptrs_py_pointer_slice)      \
    ROW(READONLY, "Pointer", "readonly", "($self)", ptrs_py_pointer_readonly)                      \
    ROW(STORE_SLOTS, "_Slots", "_store_slots", "($self, first, values)",                           \
        ptrs_py_pointer_store_slots)                                                               \
    ROW(TOLIST, "AllocatedArrayPointer", "tolist", "($self)", ptrs_py_pointer_tolist)

/**
 * What is installed once a program asks for memory that something else has allocated: its
 * class, which adds a field, and its functions and methods.
 */
#  define PTRS_PY_LATE_CLASSES(ROW) ROW(ADOPTED, "AdoptedPointer")
#  define PTRS_PY_LATE_FUNCTIONS(ROW)                                                              \
    ROW(FROM_ADDRESS, "from_address", "($module, address, size, *, keepalive=None, free=None)",    \
        ptrs_py_from_address)
#  define PTRS_PY_LATE_METHODS(ROW)                                                                \
    ROW(ADOPTED_FREE, "AdoptedPointer", "free", "($self)", ptrs_py_adopted_free)

/** Properties: (id, class, name, C function). */
#  define PTRS_PY_PROPERTIES(ROW)                                                                  \
    ROW(SIZE, "Location", "size", ptrs_py_get_size)                                                \
    ROW(SLOT_SIZE, "ArraySlotPointer", "size", ptrs_py_get_size)                                   \
    ROW(SLICE_SIZE, "SlicePointer", "size", ptrs_py_get_size)                                      \
    ROW(CAPACITY, "Location", "capacity", ptrs_py_get_capacity)                                    \
    ROW(ADDRESS, "Location", "address", ptrs_py_get_address)                                       \
    ROW(ALIGNMENT, "Location", "alignment", ptrs_py_get_alignment)                                 \
    ROW(OFFSET, "Location", "offset", ptrs_py_get_offset)                                          \
    ROW(FREED, "Location", "freed", ptrs_py_get_freed)                                             \
    ROW(ASSIGNED, "Pointer", "assigned", ptrs_py_get_assigned)                                     \
    ROW(STEP_SIZE, "_Slots", "slot_size", ptrs_py_get_slot_size)                                   \
    ROW(INDEX, "_Slots", "index", ptrs_py_get_index)                                               \
    ROW(COUNT, "AllocatedArrayPointer", "count", ptrs_py_get_count)                                \
    ROW(PARAMETER, "Location", "_as_parameter_", ptrs_py_get_parameter)

/**
 * Operators: (id, class, name).  Their C functions stand in the slots of the type that all
 * pointers are of (type.c), which calls no method of that name.
 */
#  define PTRS_PY_OPERATORS(ROW)                                                                   \
    ROW(ILSHIFT, "Pointer", "__ilshift__")                                                         \
    ROW(IXOR, "Pointer", "__ixor__")                                                               \
    ROW(SLICE_ILSHIFT, "SlicePointer", "__ilshift__")                                              \
    ROW(SLICE_INVERT, "SlicePointer", "__invert__")                                                \
    ROW(INVERT, "Pointer", "__invert__")                                                           \
    ROW(ITER, "Pointer", "__iter__")                                                               \
    ROW(STR, "Pointer", "__str__")                                                                 \
    ROW(REPR, "Pointer", "__repr__")                                                               \
    ROW(EQUAL, "Location", "__eq__")                                                               \
    ROW(LESS, "Location", "__lt__")                                                                \
    ROW(LESS_EQUAL, "Location", "__le__")                                                          \
    ROW(GREATER, "Location", "__gt__")                                                             \
    ROW(GREATER_EQUAL, "Location", "__ge__")                                                       \
    ROW(BYTES_ADD, "BytePointer", "__add__")                                                       \
    ROW(BYTES_SUBTRACT, "BytePointer", "__sub__")                                                  \
    ROW(BYTES_GET, "BytePointer", "__getitem__")                                                   \
    ROW(BYTES_SET, "BytePointer", "__setitem__")                                                   \
    ROW(SLOTS_ADD, "_Slots", "__add__")                                                            \
    ROW(SLOTS_SUBTRACT, "_Slots", "__sub__")                                                       \
    ROW(SLOTS_GET, "_Slots", "__getitem__")                                                        \
    ROW(SLOTS_SET, "_Slots", "__setitem__")

/**
 * What that type does without a slow path: (class, name).  The definitions of the Python
 * classes would hide it.
 */
#  define PTRS_PY_INHERITED(ROW)                                                                   \
    ROW("Location", "__hash__")                                                                    \
    ROW("Location", "__buffer__")                                                                  \
    ROW("HeapPointer", "__del__")                                                                  \
    ROW("BytePointer", "__radd__")                                                                 \
    ROW("_Slots", "__radd__")                                                                      \
    ROW("AllocatedArrayPointer", "__iter__")

/** Numbers of the Python objects in the table, from the classes on. */
typedef enum {
#  define ROW(id, ...) PTRS_PY_##id,
  PTRS_PY_CLASSES(ROW) PTRS_PY_HELPERS(ROW) PTRS_PY_FUNCTIONS(ROW) PTRS_PY_METHODS(ROW)
      PTRS_PY_PROPERTIES(ROW) PTRS_PY_OPERATORS(ROW) PTRS_PY_LATE_CLASSES(ROW)
          PTRS_PY_LATE_FUNCTIONS(ROW) PTRS_PY_LATE_METHODS(ROW)
#  undef ROW
              PTRS_PY_N_IDS
} PtrsPyId;

#  define ROW(id, name, signature, function)                                                       \
    PyObject *function(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
PTRS_PY_FUNCTIONS(ROW)
PTRS_PY_LATE_FUNCTIONS(ROW)
#  undef ROW
#  define ROW(id, owner, name, signature, function)                                                \
    PyObject *function(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
PTRS_PY_METHODS(ROW)
PTRS_PY_LATE_METHODS(ROW)
#  undef ROW

#  define ROW(id, owner, name, function) PyObject *function(PyObject *, void *);
PTRS_PY_PROPERTIES(ROW)
#  undef ROW

PyObject *ptrs_py_pointer_ilshift(PyObject *self, PyObject *obj);
PyObject *ptrs_py_pointer_ixor(PyObject *self, PyObject *obj);
PyObject *ptrs_py_pointer_invert(PyObject *self);
PyObject *ptrs_py_pointer_add(PyObject *a, PyObject *b);
PyObject *ptrs_py_pointer_subtract(PyObject *a, PyObject *b);
PyObject *ptrs_py_pointer_get(PyObject *self, PyObject *key);
int ptrs_py_pointer_set(PyObject *self, PyObject *key, PyObject *value);
PyObject *ptrs_py_pointer_iter(PyObject *self);
PyObject *ptrs_py_pointer_str(PyObject *self);
PyObject *ptrs_py_pointer_repr(PyObject *self);
int ptrs_py_pointer_getbuffer(PyObject *self, Py_buffer *view, int flags);
void ptrs_py_pointer_releasebuffer(PyObject *self, Py_buffer *view);

#endif
#endif
