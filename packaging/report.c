// SPDX-License-Identifier: Apache-2.0
/* A program in C that reports the lines of standard input, as nbiot-agent does, with the library:
 *
 *   report PRODUCTKEY DEVICENAME SECRETFILE STATEDIRECTORY HOST PORT
 *
 * With a seventh argument, a file of certificates, over DTLS. It ends when all is delivered. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "nbiot_device.h"

static char *read_file(const char *path, int only_line) {
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

static void hint(int known, void *context) {
  (void)known;
  ++*(unsigned *)context;
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

// Does what is due and prints what happened; then, while something waits, waits for the platform or for time to
// pass.
static void step(nbiot_device *device, int *rejected) {
  nbiot_event event;
  struct pollfd entry;
  while (nbiot_drive(device, &event) > 0) {
    if (event.kind == NBIOT_DELIVERED) {
      printf("delivered %" PRIu64 " %d seq=%" PRIu64 " up=%u down=%u answer=", event.id, event.code,
          event.sequence, event.bytes_up, event.bytes_down);
      print_answer(&event);
    } else
      fprintf(stderr, "event %d code=%d id=%" PRIu64 " reason=%d (%s)\n", event.kind, event.code, event.id,
          event.reason, nbiot_reason_text(event.reason));
    if (event.kind == NBIOT_REJECTED) *rejected = 1;
  }
  if (nbiot_pending(device) == 0) return;
  entry.fd = nbiot_descriptor(device);
  entry.events = POLLIN;
  poll(&entry, 1, nbiot_timeout(device));
}

int main(int count, char **values) {
  nbiot_config config;
  nbiot_device *device;
  nbiot_counters counters;
  nbiot_ledger ledger;
  char topic[160], line[1100];
  unsigned hints = 0;
  int code, rejected = 0;
  void *memory = aligned_alloc(nbiot_device_alignment(),
      (nbiot_device_size() + nbiot_device_alignment() - 1) / nbiot_device_alignment() *
          nbiot_device_alignment());

  if (count < 7 || !memory) {
    fprintf(stderr, "usage: report PRODUCTKEY DEVICENAME SECRETFILE STATEDIRECTORY HOST PORT [CAFILE]\n");
    return 2;
  }
  // The secret goes into no core file.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  memset(&config, 0, sizeof config);
  config.product_key = values[1];
  config.device_name = values[2];
  config.device_secret = read_file(values[3], 1);
  config.state_directory = values[4];
  config.host = values[5];
  config.port = (uint16_t)atoi(values[6]);
  config.timing = NBIOT_TIMING_STANDARD;
  if (count > 7) {
    config.security = NBIOT_DTLS_CERTIFICATE;
    config.ca_pem = read_file(values[7], 0);
  }
  snprintf(topic, sizeof topic, "/%s/%s/user/update", values[1], values[2]);
  config.topic = topic;
  config.radio_hint = hint;
  config.context = &hints;

  code = nbiot_create(memory, nbiot_device_size(), &config, &device);
  if (code != NBIOT_OK) {
    fprintf(stderr, "nbiot_create: %d, %s\n", code, strerror(errno));
    return 2;
  }
  while (fgets(line, sizeof line, stdin)) {
    uint64_t id;
    line[strcspn(line, "\n")] = 0;
    if (!line[0]) continue;
    while ((code = nbiot_publish(device, NULL, line, strlen(line), 0, &id)) == NBIOT_FULL)
      step(device, &rejected);
    if (code != NBIOT_OK) {
      fprintf(stderr, "nbiot_publish: %d\n", code);
      rejected = 1;
      continue;
    }
    printf("accepted %" PRIu64 "\n", id);
  }
  while (nbiot_pending(device) > 0) step(device, &rejected);
  nbiot_read_counters(device, &counters);
  printf("%" PRIu64 " delivered, %" PRIu64 " authentications, %" PRIu64 " handshakes, %" PRIu64
         " datagrams up, %u hints, %zu bytes of memory\n",
      counters.delivered, counters.authentications, counters.handshakes, counters.datagrams_up, hints,
      nbiot_device_size());
  if (nbiot_read_ledger(device, &ledger) == NBIOT_OK)
    printf("bytes up: %" PRIu64 " of reports, %" PRIu64 " of tokens, %" PRIu64 " sent again, %" PRIu64
           " of IP and UDP headers\n",
        ledger.up.report.bytes, ledger.up.authentication.bytes, ledger.up.retransmission.bytes,
        ledger.up.headers.bytes);
  nbiot_destroy(device);
  free(memory);
  return rejected;
}
