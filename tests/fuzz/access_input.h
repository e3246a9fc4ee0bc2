// SPDX-License-Identifier: MIT
// Arguments of the access layer, made of the bytes of a run: mostly such as
// make sense, some at the limits, some beyond them.
#ifndef ACCESS_INPUT_H
#define ACCESS_INPUT_H

#include "block_model.h"
#include "fuzz.h"
#include "codec/codec.h"

// A handle: mostly of a block that the model knows, live or not
PtrsBlock take_handle(Input *input, const Model *model);

// The size of a block, or one that no block can have
size_t take_size(Input *input);

// Bytes inside of a block or near its end, seldom far away
size_t take_offset(Input *input);

// The room of a store, or a stride
size_t take_room(Input *input);

size_t take_align(Input *input);

int64_t take_integer(Input *input);

// Exactly `size` bytes, guarded; to be freed at *heap
uint8_t *take_bytes(Input *input, size_t size, void **heap);

// A value of any kind but EMPTY, also one that has no image; to be freed at *heap
PtrsCodecValue take_value(Input *input, void **heap);

#endif
