// SPDX-License-Identifier: Apache-2.0
/* A program in C that sends files as reports over HTTPS, each up to 131,072 bytes, with libnbiot-device-https.a:
 *
 *   upload PRODUCTKEY DEVICENAME SECRETFILE STATEDIRECTORY HOST PORT CAFILE [NAME=VALUE…] [FILE…]
 *
 * It ends when all is delivered, or refused; with once=1 also when a report has to wait, which is in the state directory
 * then, and is sent by the next run. NAME is a member of nbiot_config: client_id, topic, sign_method,
 * token_lifetime, outbox_bytes, max_attempts, payload_limit, proxy or timestamp. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "nbiot_device.h"

static char *read_text(const char *path, int only_line) {
  static char text[2][32768];
  static int used;
  char *room = text[used++];
  FILE *file = fopen(path, "r");
  size_t count;
  if (!file) return NULL;
  count = fread(room, 1, sizeof text[0] - 1, file);
  fclose(file);
  room[count] = 0;
  if (only_line) room[strcspn(room, "\r\n")] = 0;
  return room;
}

// What the platform has written steers no terminal: anything but printable ASCII is shown as a `?`.
static void print_answer(const nbiot_event *event) {
  size_t index;
  for (index = 0; index < event->answer_count; index++) {
    uint8_t byte = event->answer[index];
    putchar(byte >= 0x20 && byte < 0x7F ? byte : '?');
  }
  putchar('\n');
}

static void print_event(const nbiot_event *event) {
  static const struct {
    int kind;
    const char *word;
  } words[] = {{NBIOT_DELIVERED, "delivered"}, {NBIOT_REJECTED, "rejected"}, {NBIOT_POSTPONED, "postponed"},
      {NBIOT_AUTHENTICATED, "authenticated"}, {NBIOT_AUTHENTICATION_FAILED, "authentication-failed"},
      {NBIOT_NO_LINK, "no-link"}, {NBIOT_GIVEN_UP, "given-up"}, {NBIOT_DISK_REFUSES, "disk-refuses"}};
  const char *word = "event";
  size_t index;
  if (event->kind == NBIOT_WRONG_CLOCK) {
    printf("wrong-clock %s=%" PRIu64 "\n", event->code > 0 ? "behind" : "ahead", event->detail);
    return;
  }
  for (index = 0; index < sizeof words / sizeof words[0]; index++)
    if (words[index].kind == event->kind) word = words[index].word;
  printf("%s %" PRIu64 " status=%d code=%u reason=%d (%s) answer=", word, event->id, event->code, event->reply_code,
      event->reason, nbiot_reason_text(event->reason));
  print_answer(event);
}

// Does what is due and prints what happened; then, while something waits, waits for the platform or for time to pass. 0
// if a report has to wait.
static int step(nbiot_device *device, int *rejected) {
  nbiot_event event;
  struct pollfd entry;
  int goes_on = 1;
  while (nbiot_drive(device, &event) > 0) {
    print_event(&event);
    if (event.kind == NBIOT_REJECTED || event.kind == NBIOT_GIVEN_UP) *rejected = 1;
    if (event.kind == NBIOT_POSTPONED) goes_on = 0;
  }
  if (nbiot_pending(device) == 0 || !goes_on) return goes_on;
  entry.fd = nbiot_descriptor(device);
  entry.events = POLLIN;
  poll(&entry, 1, nbiot_timeout(device));
  return 1;
}

// Accepts a file as a report; NBIOT_TOO_LONG if it is longer than any, and -100 if it cannot be read.
static int accept_file(nbiot_device *device, const char *path, uint64_t *id) {
  static char payload[131073];
  FILE *file = fopen(path, "r");
  size_t count;
  if (!file) return -100;
  count = fread(payload, 1, sizeof payload, file);
  fclose(file);
  return nbiot_publish(device, NULL, payload, count, 0, id);
}

static int set_option(nbiot_config *config, const char *option, int *once) {
  const char *value = strchr(option, '=');
  size_t count = value ? (size_t)(value++ - option) : 0;
  unsigned number = value ? (unsigned)strtoul(value, NULL, 10) : 0;
#define IS(name) (count == sizeof name - 1 && memcmp(option, name, count) == 0)
  if (IS("once")) *once = (int)number;
  else if (IS("client_id")) config->client_id = value;
  else if (IS("topic")) config->topic = value;
  else if (IS("sign_method")) config->sign_method = (uint8_t)number;
  else if (IS("token_lifetime")) config->token_lifetime = number;
  else if (IS("outbox_bytes")) config->outbox_bytes = number;
  else if (IS("max_attempts")) config->max_attempts = number;
  else if (IS("payload_limit")) config->payload_limit = number;
  else if (IS("proxy")) config->proxy = (uint8_t)number;
  else if (IS("timestamp")) config->timestamp = (uint8_t)number;
  else return 0;
#undef IS
  return 1;
}

int main(int count, char **values) {
  nbiot_config config;
  nbiot_device *device;
  nbiot_counters counters;
  char topic[160];
  int code, index, once = 0, goes_on = 1, rejected = 0;
  size_t alignment = nbiot_device_alignment();
  void *memory = aligned_alloc(alignment, (nbiot_device_size() + alignment - 1) / alignment * alignment);

  if (count < 8 || !memory) {
    fprintf(stderr,
        "usage: upload PRODUCTKEY DEVICENAME SECRETFILE STATEDIRECTORY HOST PORT CAFILE [NAME=VALUE...] [FILE...]\n");
    return 2;
  }
  // The secret goes into no core file.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  setvbuf(stdout, NULL, _IOLBF, 0);
  memset(&config, 0, sizeof config);
  config.product_key = values[1];
  config.device_name = values[2];
  config.device_secret = read_text(values[3], 1);
  config.state_directory = values[4];
  config.host = values[5];
  config.port = (uint16_t)atoi(values[6]);
  config.ca_pem = read_text(values[7], 0);
  snprintf(topic, sizeof topic, "/%s/%s/user/update", values[1], values[2]);
  config.topic = topic;
  for (index = 8; index < count && strchr(values[index], '='); index++)
    if (!set_option(&config, values[index], &once)) {
      fprintf(stderr, "upload: no such option: %s\n", values[index]);
      return 2;
    }

  code = nbiot_create(memory, nbiot_device_size(), &config, &device);
  if (code != NBIOT_OK) {
    fprintf(stderr, "nbiot_create: %d, %s\n", code, strerror(errno));
    return 2;
  }
  for (; index < count; index++) {
    uint64_t id;
    while ((code = accept_file(device, values[index], &id)) == NBIOT_FULL && goes_on)
      goes_on = step(device, &rejected) || !once;
    if (code != NBIOT_OK) {
      printf("refused %s %d\n", values[index], code);
      rejected = 1;
    } else
      printf("accepted %" PRIu64 "\n", id);
  }
  while (nbiot_pending(device) > 0 && goes_on) goes_on = step(device, &rejected) || !once;
  nbiot_read_counters(device, &counters);
  printf("%" PRIu64 " delivered, %" PRIu64 " authentications, %" PRIu64 " requests, %zu pending, %zu bytes of memory\n",
      counters.delivered, counters.authentications, counters.requests, nbiot_pending(device), nbiot_device_size());
  nbiot_destroy(device);
  free(memory);
  return rejected ? 1 : goes_on ? 0 : 4;
}
