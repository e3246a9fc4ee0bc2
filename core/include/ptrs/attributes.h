// SPDX-License-Identifier: MIT
/**
 * @file attributes.h
 * Compiler attributes of the public interface.
 *
 * Every other public header marks the declarations that foreign function
 * interfaces need with a pair of comments, `cdef: begin` and `cdef: end`.
 * Between those markers stand only comments and plain C declarations, each
 * function opened by PTRS_API: no preprocessor lines, so that the text can be
 * taken as it is.
 */
#ifndef PTRS_ATTRIBUTES_H
#define PTRS_ATTRIBUTES_H

/**
 * PTRS_API opens the declaration of a public function.
 *
 * The library is compiled with hidden visibility; only the installed shared
 * library shows its functions.  A program that links the static library, as
 * the Python extension does, exports none of them.
 */
#if defined(PTRS_SHARED) && (defined(__GNUC__) || defined(__clang__))
#  define PTRS_API __attribute__((visibility("default")))
#elif defined(__cplusplus)
#  define PTRS_API extern "C"
#else
#  define PTRS_API
#endif

#endif
