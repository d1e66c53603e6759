// SPDX-License-Identifier: Apache-2.0
#include "codec.h"
#include "contender.h"

enum { CON = 0, ACK = 2, POST = 0x02, CONTENT = 0x45 };

static size_t encode_a(uint8_t *buffer, size_t capacity, const uint8_t **message) {
  struct writer writer;
  *message = buffer;
  if (!writer_begin(&writer, buffer, capacity, ACK, 0, contender_empty_message_id, NULL, 0)) return 0;
  return writer_count(&writer);
}

static size_t encode_b(uint8_t *buffer, size_t capacity, const uint8_t **message) {
  const struct contender_report *report = &contender_report;
  struct writer writer;
  *message = buffer;
  if (!writer_begin(&writer, buffer, capacity, CON, POST, report->message_id, report->token.start,
                    report->token.count))
    return 0;
  for (int index = 0; index < 5; index++)
    if (!writer_option(&writer, 11, report->path[index].start, report->path[index].count)) return 0;
  if (!writer_option_uint(&writer, 12, report->content_format) ||
      !writer_option_uint(&writer, 17, report->accept) ||
      !writer_option(&writer, 2088, report->platform_token.start, report->platform_token.count) ||
      !writer_option(&writer, 2089, report->platform_sequence.start,
                     report->platform_sequence.count) ||
      !writer_payload(&writer, report->payload.start, report->payload.count))
    return 0;
  return writer_count(&writer);
}

static size_t encode_c(uint8_t *buffer, size_t capacity, const uint8_t **message) {
  const struct contender_answer *answer = &contender_answer;
  struct writer writer;
  *message = buffer;
  if (!writer_begin(&writer, buffer, capacity, ACK, CONTENT, answer->message_id,
                    answer->token.start, answer->token.count) ||
      !writer_option(&writer, 4, answer->etag.start, answer->etag.count) ||
      !writer_option_uint(&writer, 6, answer->observe) ||
      !writer_option_uint(&writer, 12, answer->content_format) ||
      !writer_option_uint(&writer, 14, answer->max_age) ||
      !writer_option_uint(&writer, 23, answer->block2) ||
      !writer_payload(&writer, answer->payload.start, answer->payload.count))
    return 0;
  return writer_count(&writer);
}

static uint32_t decode(const uint8_t *bytes, size_t count) {
  struct reader reader;
  if (reader_begin(&reader, bytes, count) != READER_OK) return 0;
  uint32_t sum = (bytes[0] >> 4 & 0x03u) + bytes[1] + ((uint32_t)bytes[2] << 8 | bytes[3]) +
                 (bytes[0] & 0x0fu);
  struct option option;
  while (reader_next(&reader, &option))
    sum += option.number + (uint32_t)option.length + (option.length > 0 ? option.value[0] : 0);
  if (reader.error != READER_OK) return 0;
  if (reader.at < reader.end) sum += (uint32_t)(reader.end - reader.at) + reader.end[-1];
  return sum;
}

int main(int argc, char **argv) {
  static const struct contender contender = {
      "c", {encode_a, encode_b, encode_c}, {decode, decode, decode}};
  return contender_main(&contender, argc, argv);
}
