// SPDX-License-Identifier: Apache-2.0
// CoAP's message format (RFC 7252 Section 3) written by hand in C: the floor of the race. It makes the same checks as
// MessageView and MessageWriter, in one pass, and serves no other purpose.
#ifndef BENCHMARKS_FLOOR_CODEC_H
#define BENCHMARKS_FLOOR_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

// Short values are copied by two moves that may overlap; a call to memcpy would cost more.
INLINE void copy(uint8_t *to, const uint8_t *from, size_t count) {
  if (count >= 16 && count <= 64) {
    memcpy(to, from, 16);
    if (count > 32) memcpy(to + 16, from + 16, 16);
    if (count > 48) memcpy(to + 32, from + 32, 16);
    memcpy(to + count - 16, from + count - 16, 16);
  } else if (count > 64) {
    memcpy(to, from, count);
  } else if (count >= 8) {
    uint64_t first, last;
    memcpy(&first, from, 8);
    memcpy(&last, from + count - 8, 8);
    memcpy(to, &first, 8);
    memcpy(to + count - 8, &last, 8);
  } else if (count >= 4) {
    uint32_t first, last;
    memcpy(&first, from, 4);
    memcpy(&last, from + count - 4, 4);
    memcpy(to, &first, 4);
    memcpy(to + count - 4, &last, 4);
  } else if (count > 0) {
    to[0] = from[0];
    if (count > 1) memcpy(to + count - 2, from + count - 2, 2);
  }
}

struct writer {
  uint8_t *start;
  uint8_t *at;
  uint8_t *end;
  uint16_t last_option;
  bool is_empty_message;
};

INLINE bool writer_begin(struct writer *writer, uint8_t *buffer, size_t capacity,
                                uint8_t type, uint8_t code, uint16_t message_id,
                                const uint8_t *token, size_t token_length) {
  if (token_length > 8 || capacity < 4 + token_length) return false;
  if (code == 0 && token_length != 0) return false;
  buffer[0] = (uint8_t)(0x40 | type << 4 | token_length);
  buffer[1] = code;
  buffer[2] = (uint8_t)(message_id >> 8);
  buffer[3] = (uint8_t)message_id;
  if (token_length > 0) copy(buffer + 4, token, token_length);
  writer->start = buffer;
  writer->at = buffer + 4 + token_length;
  writer->end = buffer + capacity;
  writer->last_option = 0;
  writer->is_empty_message = code == 0;
  return true;
}

static inline size_t extended_size(size_t value) { return value < 13 ? 0 : value < 269 ? 1 : 2; }

static inline uint8_t *put_extended(uint8_t *at, size_t value) {
  if (value < 13) return at;
  if (value < 269) {
    *at = (uint8_t)(value - 13);
    return at + 1;
  }
  at[0] = (uint8_t)((value - 269) >> 8);
  at[1] = (uint8_t)(value - 269);
  return at + 2;
}

static inline uint8_t nibble(size_t value) {
  return value < 13 ? (uint8_t)value : value < 269 ? 13 : 14;
}

// Writes an option's header of more than one byte and returns the place for the value, or NULL. It takes no writer, so
// that the caller's stays in registers.
static __attribute__((noinline)) uint8_t *put_long_header(uint8_t *at, size_t room, size_t delta,
                                                          size_t length) {
  if (length > 65804) return NULL;
  if (1 + extended_size(delta) + extended_size(length) + length > room) return NULL;
  *at++ = (uint8_t)(nibble(delta) << 4 | nibble(length));
  at = put_extended(at, delta);
  return put_extended(at, length);
}

// The place for the option's value, or NULL.
INLINE uint8_t *writer_option_header(struct writer *writer, uint16_t number, size_t length) {
  if (writer->is_empty_message || number < writer->last_option) return NULL;
  size_t delta = (size_t)(number - writer->last_option);
  size_t room = (size_t)(writer->end - writer->at);
  uint8_t *at = writer->at;
  if (delta < 13 && length < 13) {
    if (1 + length > room) return NULL;
    *at++ = (uint8_t)(delta << 4 | length);
  } else {
    at = put_long_header(at, room, delta, length);
    if (at == NULL) return NULL;
  }
  writer->at = at + length;
  writer->last_option = number;
  return at;
}

INLINE bool writer_option(struct writer *writer, uint16_t number, const uint8_t *value,
                                 size_t length) {
  uint8_t *at = writer_option_header(writer, number, length);
  if (at == NULL) return false;
  copy(at, value, length);
  return true;
}

INLINE bool writer_option_uint(struct writer *writer, uint16_t number, uint64_t value) {
  size_t length = value == 0 ? 0 : (71 - (size_t)__builtin_clzll(value)) / 8;
  uint8_t *at = writer_option_header(writer, number, length);
  if (at == NULL) return false;
  for (size_t index = length; index > 0; index--) {
    at[index - 1] = (uint8_t)value;
    value >>= 8;
  }
  return true;
}

INLINE bool writer_payload(struct writer *writer, const uint8_t *payload, size_t length) {
  if (length == 0) return true;
  if (writer->is_empty_message || length >= (size_t)(writer->end - writer->at)) return false;
  *writer->at = 0xff;
  copy(writer->at + 1, payload, length);
  writer->at += 1 + length;
  return true;
}

INLINE size_t writer_count(const struct writer *writer) {
  return (size_t)(writer->at - writer->start);
}

enum reader_error {
  READER_OK,
  READER_TRUNCATED_HEADER,
  READER_UNKNOWN_VERSION,
  READER_RESERVED_TOKEN_LENGTH,
  READER_TRUNCATED_TOKEN,
  READER_EMPTY_WITH_TOKEN,
  READER_EMPTY_WITH_DATA,
  READER_RESERVED_DELTA,
  READER_RESERVED_LENGTH,
  READER_TRUNCATED_DELTA,
  READER_TRUNCATED_LENGTH,
  READER_TRUNCATED_VALUE,
  READER_NUMBER_OVERFLOW,
  READER_MARKER_WITHOUT_PAYLOAD,
};

// Reads a message once, from its first byte to its last, checking each byte as it reads it.
struct reader {
  const uint8_t *start;
  const uint8_t *at;
  const uint8_t *end;
  uint32_t number;
  enum reader_error error;
};

struct option {
  uint16_t number;
  const uint8_t *value;
  size_t length;
};

static inline enum reader_error reader_begin(struct reader *reader, const uint8_t *bytes,
                                             size_t count) {
  if (count < 4) return READER_TRUNCATED_HEADER;
  if (bytes[0] >> 6 != 1) return READER_UNKNOWN_VERSION;
  size_t token_length = bytes[0] & 0x0f;
  if (token_length > 8) return READER_RESERVED_TOKEN_LENGTH;
  if (count < 4 + token_length) return READER_TRUNCATED_TOKEN;
  if (bytes[1] == 0) {
    if (token_length != 0) return READER_EMPTY_WITH_TOKEN;
    if (count != 4) return READER_EMPTY_WITH_DATA;
  }
  *reader = (struct reader){bytes, bytes + 4 + token_length, bytes + count, 0, READER_OK};
  return READER_OK;
}

static inline bool reader_fail(struct reader *reader, enum reader_error error) {
  reader->error = error;
  return false;
}

// Returns false at the end of the options, with `error` set, or with `at` and `end` around the payload.
static inline bool reader_next(struct reader *reader, struct option *option) {
  const uint8_t *at = reader->at;
  const uint8_t *end = reader->end;
  if (at == end) return false;
  uint8_t header = *at++;
  if (header == 0xff) {
    if (at == end) return reader_fail(reader, READER_MARKER_WITHOUT_PAYLOAD);
    reader->at = at;
    return false;
  }
  uint32_t delta = header >> 4;
  if (delta >= 13) {
    if (delta == 15) return reader_fail(reader, READER_RESERVED_DELTA);
    if (delta == 13) {
      if (end - at < 1) return reader_fail(reader, READER_TRUNCATED_DELTA);
      delta = at[0] + 13u;
      at += 1;
    } else {
      if (end - at < 2) return reader_fail(reader, READER_TRUNCATED_DELTA);
      delta = ((uint32_t)at[0] << 8 | at[1]) + 269u;
      at += 2;
    }
  }
  size_t length = header & 0x0f;
  if (length >= 13) {
    if (length == 15) return reader_fail(reader, READER_RESERVED_LENGTH);
    if (length == 13) {
      if (end - at < 1) return reader_fail(reader, READER_TRUNCATED_LENGTH);
      length = at[0] + 13u;
      at += 1;
    } else {
      if (end - at < 2) return reader_fail(reader, READER_TRUNCATED_LENGTH);
      length = ((size_t)at[0] << 8 | at[1]) + 269u;
      at += 2;
    }
  }
  uint32_t number = reader->number + delta;
  if (number > 0xffff) return reader_fail(reader, READER_NUMBER_OVERFLOW);
  if (length > (size_t)(end - at)) return reader_fail(reader, READER_TRUNCATED_VALUE);
  reader->number = number;
  reader->at = at + length;
  *option = (struct option){(uint16_t)number, at, length};
  return true;
}

#endif
