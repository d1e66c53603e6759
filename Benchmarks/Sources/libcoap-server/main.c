// SPDX-License-Identifier: Apache-2.0
// A server by libcoap that answers as the platform does, and does nothing else: libcoap-server PORT [KEYS]
//
// POST /auth gets a token, any other POST 2.05 with a message id of eight bytes. With KEYS, a file of lines "identity key",
// it speaks DTLS with pre-shared keys (OpenSSL). `Benchmarks/servers.py` lets the same devices report to it and to
// `nbiot simulate`.
#include <coap3/coap.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEYS = 4096, MESSAGE_ID = 2090 };

static struct {
  coap_bin_const_t identity, key;
} keys[MAX_KEYS];
static unsigned key_count;

static void authenticate(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                         const coap_string_t *query, coap_pdu_t *response) {
  static const char answer[] =
      "{\"random\":\"ad2b3a5eb51d64f7\",\"seqOffset\":1,\"token\":\"MZ8m37hp01w1SSqoDFzo0010500d00.ad2b\"}";
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_data(response, sizeof answer - 1, (const uint8_t *)answer);
}

static void take(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                 const coap_string_t *query, coap_pdu_t *response) {
  static uint8_t id[8];
  id[7]++;
  coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
  coap_add_option(response, MESSAGE_ID, sizeof id, id);
}

static const coap_bin_const_t *key_of(coap_bin_const_t *identity, coap_session_t *session, void *context) {
  for (unsigned place = 0; place < key_count; place++)
    if (keys[place].identity.length == identity->length &&
        memcmp(keys[place].identity.s, identity->s, identity->length) == 0)
      return &keys[place].key;
  return NULL;
}

static int read_keys(const char *path) {
  char identity[256], key[128];
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  while (key_count < MAX_KEYS && fscanf(file, "%255s %127s", identity, key) == 2) {
    keys[key_count].identity.s = (const uint8_t *)strdup(identity);
    keys[key_count].identity.length = strlen(identity);
    keys[key_count].key.s = (const uint8_t *)strdup(key);
    keys[key_count++].key.length = strlen(key);
  }
  fclose(file);
  return key_count > 0;
}

static void add(coap_context_t *context, coap_resource_t *resource, coap_method_handler_t handler) {
  coap_register_handler(resource, COAP_REQUEST_POST, handler);
  coap_add_resource(context, resource);
}

int main(int count, char **values) {
  coap_address_t address;
  coap_context_t *context;
  coap_proto_t protocol = count > 2 ? COAP_PROTO_DTLS : COAP_PROTO_UDP;
  if (count < 2) {
    fprintf(stderr, "libcoap-server PORT [KEYS]\n");
    return 2;
  }
  coap_startup();
  coap_set_log_level(LOG_ERR);
  context = coap_new_context(NULL);
  if (!context) return 1;
  if (count > 2) {
    coap_dtls_spsk_t setup;
    memset(&setup, 0, sizeof setup);
    setup.version = COAP_DTLS_SPSK_SETUP_VERSION;
    setup.validate_id_call_back = key_of;
    setup.psk_info.hint.s = (const uint8_t *)"";
    setup.psk_info.key.s = (const uint8_t *)"unused";
    setup.psk_info.key.length = 6;
    if (!read_keys(values[2]) || !coap_context_set_psk2(context, &setup)) return 1;
  }
  coap_address_init(&address);
  address.addr.sin.sin_family = AF_INET;
  address.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.addr.sin.sin_port = htons((uint16_t)atoi(values[1]));
  if (!coap_new_endpoint(context, &address, protocol)) return 1;
  // The number of a report is a critical option.
  coap_register_option(context, 2089);
  add(context, coap_resource_init(coap_make_str_const("auth"), 0), authenticate);
  // Each topic is a path of its own.
  add(context, coap_resource_unknown_init2(take, 0), take);
  printf("listening\n");
  fflush(stdout);
  for (;;)
    if (coap_io_process(context, COAP_IO_WAIT) < 0) return 1;
}
