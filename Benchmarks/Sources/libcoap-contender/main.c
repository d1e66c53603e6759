// SPDX-License-Identifier: Apache-2.0
// libcoap through its public functions. coap_send() would encode the header, but needs a session.
// Without one, only coap_pdu_encode_header() remains, which the library exports but its headers do
// not declare.
#include "contender.h"

#include <coap3/coap.h>

extern size_t coap_pdu_encode_header(coap_pdu_t *pdu, coap_proto_t proto);

enum { MAX_SIZE = 512 };

// Puts the header before the token; the message ends with its last part.
static size_t finish(coap_pdu_t *pdu, const uint8_t *end, const uint8_t **message) {
  size_t header = coap_pdu_encode_header(pdu, COAP_PROTO_UDP);
  if (header == 0) return 0;
  *message = coap_pdu_get_token(pdu).s - header;
  return (size_t)(end - *message);
}

static int add_uint(coap_pdu_t *pdu, coap_option_num_t number, unsigned int value) {
  uint8_t buffer[4];
  unsigned int length = coap_encode_var_safe(buffer, sizeof buffer, value);
  return coap_add_option(pdu, number, length, buffer) > 0;
}

static int add_bytes(coap_pdu_t *pdu, coap_option_num_t number, struct contender_bytes value) {
  return coap_add_option(pdu, number, value.count, value.start) > 0;
}

static const uint8_t *add_payload(coap_pdu_t *pdu, struct contender_bytes payload) {
  size_t length;
  const uint8_t *data;
  if (!coap_add_data(pdu, payload.count, payload.start) || !coap_get_data(pdu, &length, &data))
    return NULL;
  return data + length;
}

// The message must outlive the call for `check`; each encoder frees the previous one.
static coap_pdu_t *held;

static coap_pdu_t *hold(coap_pdu_t *pdu) {
  if (held != NULL) coap_delete_pdu(held);
  held = pdu;
  return pdu;
}

static size_t encode_a(uint8_t *buffer, size_t capacity, const uint8_t **message) {
  coap_pdu_t *pdu = hold(coap_pdu_init(COAP_MESSAGE_ACK, COAP_EMPTY_CODE,
                                       contender_empty_message_id, MAX_SIZE));
  if (pdu == NULL) return 0;
  return finish(pdu, coap_pdu_get_token(pdu).s, message);
}

static size_t encode_b(uint8_t *buffer, size_t capacity, const uint8_t **message) {
  const struct contender_report *report = &contender_report;
  coap_pdu_t *pdu = hold(coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST,
                                       report->message_id, MAX_SIZE));
  if (pdu == NULL || !coap_add_token(pdu, report->token.count, report->token.start)) return 0;
  for (int index = 0; index < 5; index++)
    if (!add_bytes(pdu, COAP_OPTION_URI_PATH, report->path[index])) return 0;
  if (!add_uint(pdu, COAP_OPTION_CONTENT_FORMAT, report->content_format) ||
      !add_uint(pdu, COAP_OPTION_ACCEPT, report->accept) ||
      !add_bytes(pdu, 2088, report->platform_token) ||
      !add_bytes(pdu, 2089, report->platform_sequence))
    return 0;
  const uint8_t *end = add_payload(pdu, report->payload);
  return end == NULL ? 0 : finish(pdu, end, message);
}

static size_t encode_c(uint8_t *buffer, size_t capacity, const uint8_t **message) {
  const struct contender_answer *answer = &contender_answer;
  coap_pdu_t *pdu = hold(coap_pdu_init(COAP_MESSAGE_ACK, COAP_RESPONSE_CODE_CONTENT,
                                       answer->message_id, MAX_SIZE));
  if (pdu == NULL || !coap_add_token(pdu, answer->token.count, answer->token.start) ||
      !add_bytes(pdu, COAP_OPTION_ETAG, answer->etag) ||
      !add_uint(pdu, COAP_OPTION_OBSERVE, answer->observe) ||
      !add_uint(pdu, COAP_OPTION_CONTENT_FORMAT, answer->content_format) ||
      !add_uint(pdu, COAP_OPTION_MAXAGE, answer->max_age) ||
      !add_uint(pdu, COAP_OPTION_BLOCK2, answer->block2))
    return 0;
  const uint8_t *end = add_payload(pdu, answer->payload);
  return end == NULL ? 0 : finish(pdu, end, message);
}

static uint32_t decode(const uint8_t *bytes, size_t count) {
  coap_pdu_t *pdu = coap_pdu_init(0, 0, 0, MAX_SIZE);
  if (pdu == NULL) return 0;
  if (!coap_pdu_parse(COAP_PROTO_UDP, bytes, count, pdu)) {
    coap_delete_pdu(pdu);
    return 0;
  }
  uint32_t sum = (uint32_t)coap_pdu_get_type(pdu) + (uint32_t)coap_pdu_get_code(pdu) +
                 (uint32_t)coap_pdu_get_mid(pdu) + (uint32_t)coap_pdu_get_token(pdu).length;
  coap_opt_iterator_t iterator;
  if (coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL) != NULL) {
    coap_opt_t *option;
    while ((option = coap_option_next(&iterator)) != NULL) {
      uint32_t length = coap_opt_length(option);
      sum += iterator.number + length + (length > 0 ? coap_opt_value(option)[0] : 0);
    }
  }
  size_t length;
  const uint8_t *data;
  if (coap_get_data(pdu, &length, &data)) sum += (uint32_t)length + data[length - 1];
  coap_delete_pdu(pdu);
  return sum;
}

int main(int argc, char **argv) {
  static const struct contender contender = {
      "libcoap", {encode_a, encode_b, encode_c}, {decode, decode, decode}};
  return contender_main(&contender, argc, argv);
}
