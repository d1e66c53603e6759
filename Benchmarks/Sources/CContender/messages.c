// SPDX-License-Identifier: Apache-2.0
#include "contender.h"

#define BYTES(array) { (const uint8_t *)(array), sizeof(array) }
#define TEXT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }

static const uint8_t token[] = {0xde, 0xad, 0xbe, 0xef};
static const uint8_t etag[] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t sequence[] = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
                                   0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};
static const uint8_t answer_payload[] = {
    0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f,
    0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f};

const uint16_t contender_empty_message_id = 0x1234;

const struct contender_report contender_report = {
    .message_id = 0x4d2e,
    .token = BYTES(token),
    .path = {TEXT("topic"), TEXT("a1B2c3D4e5F"), TEXT("device-0001"), TEXT("user"), TEXT("update")},
    .content_format = 60,
    .accept = 60,
    .platform_token = TEXT("iYQ1xvZ0kTn7Wc3BdR9uLsE2hGmPa5JfO8XyCqVtK4N"),
    .platform_sequence = BYTES(sequence),
    .payload = TEXT("{\"id\":\"1\",\"params\":{\"temp\":21.5,\"hum\":48,\"v\":3}}"),
};

const struct contender_answer contender_answer = {
    .message_id = 0x4d2e,
    .token = BYTES(token),
    .etag = BYTES(etag),
    .observe = 0x1234,
    .content_format = 60,
    .max_age = 60,
    .block2 = 0x0e,
    .payload = BYTES(answer_payload),
};

static const uint8_t wire_a[] = {0x60, 0x00, 0x12, 0x34};

static const uint8_t wire_b[] =
    "\x44\x02\x4d\x2e\xde\xad\xbe\xef\xb5topic\x0b" "a1B2c3D4e5F\x0b" "device-0001\x04user\x06update"
    "\x11\x3c\x51\x3c\xed\x07\x0a\x1eiYQ1xvZ0kTn7Wc3BdR9uLsE2hGmPa5JfO8XyCqVtK4N\x1d\x03"
    "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
    "\xff{\"id\":\"1\",\"params\":{\"temp\":21.5,\"hum\":48,\"v\":3}}";

static const uint8_t wire_c[] =
    "\x64\x45\x4d\x2e\xde\xad\xbe\xef\x48\x01\x02\x03\x04\x05\x06\x07\x08\x22\x12\x34\x61\x3c"
    "\x21\x3c\x91\x0e\xff !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_";

struct contender_bytes contender_wire(int message) {
  static const struct contender_bytes wires[] = {BYTES(wire_a), TEXT(wire_b), TEXT(wire_c)};
  return wires[message];
}
