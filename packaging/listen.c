// SPDX-License-Identifier: Apache-2.0
/* A program in C that the platform can speak to, as nbiot-agent-mqtt is one, with libnbiot-device-mqtt.a:
 *
 *   listen PRODUCTKEY DEVICENAME SECRETFILE STATEDIRECTORY HOST PORT CAFILE [NAME=VALUE…]
 *
 * It prints what comes, and takes lines of standard input:
 *
 *   report PAYLOAD          accepts a report
 *   reply ID CODE [JSON]    answers a request
 *   bytes ID DIGITS         answers one of bytes, in hexadecimal digits; none for no bytes
 *   progress STEP           tells how far the firmware under way is, or that it failed: -1 to -4
 *   done                    says that it runs after a restart
 *
 * and ends when standard input does and all reports are delivered. NAME is a member of nbiot_config behind `plain`. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "nbiot_device.h"

static const char *const kinds[] = {"none", "property-set", "property-get", "service", "synchronous-call",
    "custom-call", "raw", "firmware", "configuration", "sub-device-configuration", "topology-addition", "disable",
    "enable", "delete", "sub-device-error", "desired-values"};
static const char *const decisions[] = {"", "start", "resume", "already-running", "waits-for-restart",
    "already-installed", "another-runs", "refused"};

static char *read_file(const char *path, int only_line) {
  static char text[3][32768];
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
static void print_text(const void *text, size_t count) {
  const uint8_t *bytes = text;
  size_t index;
  for (index = 0; index < count; index++) putchar(bytes[index] >= 0x20 && bytes[index] < 0x7F ? bytes[index] : '?');
}

static void print_message(const nbiot_event *event, int as_bytes) {
  size_t index;
  printf(" %s ", kinds[event->downlink]);
  if (event->topic) print_text(event->topic, strlen(event->topic));
  putchar(' ');
  if (as_bytes)
    for (index = 0; index < event->payload_count; index++) printf("%02x", event->payload[index]);
  else
    print_text(event->payload, event->payload_count);
  putchar('\n');
}

static void print_firmware(nbiot_device *device, const nbiot_event *event) {
  nbiot_file file;
  printf("firmware %s", decisions[event->code]);
  if (nbiot_read_file(device, &file) == NBIOT_OK) {
    putchar(' ');
    print_text(file.version, strlen(file.version));
    printf(" %" PRIu64 " ", file.size);
    print_text(file.url, strlen(file.url));
  }
  putchar('\n');
}

static void print_event(nbiot_device *device, const nbiot_event *event) {
  switch (event->kind) {
  case NBIOT_CONNECTED: puts("connected"); break;
  case NBIOT_DISCONNECTED:
  case NBIOT_KICKED:
    printf("%s reason=%d (%s) wait=%u\n", event->kind == NBIOT_KICKED ? "kicked" : "disconnected", event->reason,
        nbiot_reason_text(event->reason), event->milliseconds / 1000);
    break;
  case NBIOT_REQUEST:
    printf("request %" PRIu64, event->id);
    print_message(event, event->answer_form == NBIOT_ANSWER_BYTES);
    break;
  case NBIOT_NOTICE:
    printf("notice");
    print_message(event, 0);
    break;
  case NBIOT_FIRMWARE: print_firmware(device, event); break;
  case NBIOT_UNANSWERED: printf("unanswered %" PRIu64 " %s %d\n", event->id, kinds[event->downlink], event->code); break;
  case NBIOT_MESSAGE_REFUSED:
    printf("message-refused %d %s", event->code, event->fault);
    print_message(event, 0);
    break;
  case NBIOT_SUBSCRIPTION_REFUSED: printf("subscription-refused %s\n", event->topic); break;
  case NBIOT_DELIVERED: printf("delivered %" PRIu64 "\n", event->id); break;
  default:
    printf("event %d code=%d id=%" PRIu64 " reason=%d (%s)\n", event->kind, event->code, event->id, event->reason,
        nbiot_reason_text(event->reason));
  }
}

static int reply_bytes(nbiot_device *device, uint64_t id, const char *digits) {
  uint8_t bytes[512];
  size_t count = 0;
  unsigned byte;
  while (count < sizeof bytes && sscanf(digits + 2 * count, "%2x", &byte) == 1) bytes[count++] = (uint8_t)byte;
  return nbiot_reply_bytes(device, id, bytes, count);
}

static void take_line(nbiot_device *device, char *line) {
  uint64_t id = 0;
  uint32_t code;
  int result = NBIOT_ARGUMENT, step, start = 0;
  if (strncmp(line, "report ", 7) == 0)
    result = nbiot_publish(device, NULL, line + 7, strlen(line + 7), 0, &id);
  else if (sscanf(line, "reply %" SCNu64 " %" SCNu32 "%n", &id, &code, &start) == 2)
    result = nbiot_reply(device, id, code, line + start, strlen(line + start));
  else if (sscanf(line, "bytes %" SCNu64 " %n", &id, &start) == 1)
    result = reply_bytes(device, id, line + start);
  else if (sscanf(line, "progress %d", &step) == 1)
    result = nbiot_firmware_progress(device, step, "listen");
  else if (strcmp(line, "done") == 0)
    result = nbiot_firmware_done(device);
  if (result == NBIOT_OK)
    printf("ok %" PRIu64 "\n", id);
  else
    printf("refused %" PRIu64 " %d\n", id, result);
}

// Takes what standard input has; 0 at its end.
static int take_input(nbiot_device *device) {
  static char text[2048];
  static size_t length;
  ssize_t count = read(0, text + length, sizeof text - 1 - length);
  char *line = text, *end;
  if (count <= 0) return 0;
  length += (size_t)count;
  text[length] = 0;
  while ((end = strchr(line, '\n'))) {
    *end = 0;
    if (*line) take_line(device, line);
    line = end + 1;
  }
  length -= (size_t)(line - text);
  memmove(text, line, length);
  if (length == sizeof text - 1) length = 0; // longer than any line
  return 1;
}

static int set_option(nbiot_config *config, const char *option) {
  const char *value = strchr(option, '=');
  size_t count = value ? (size_t)(value++ - option) : 0;
  unsigned number = value ? (unsigned)strtoul(value, NULL, 10) : 0;
#define IS(name) (count == sizeof name - 1 && memcmp(option, name, count) == 0)
  if (IS("websocket")) config->websocket = (uint8_t)number;
  else if (IS("plain")) config->plain = (uint8_t)number;
  else if (IS("keep_session")) config->keep_session = (uint8_t)number;
  else if (IS("notices")) config->notices = (uint8_t)number;
  else if (IS("reports_only")) config->reports_only = (uint8_t)number;
  else if (IS("ignore_replies")) config->ignore_replies = (uint8_t)number;
  else if (IS("sign_method")) config->sign_method = (uint8_t)number;
  else if (IS("in_flight")) config->in_flight = (uint8_t)number;
  else if (IS("keep_alive")) config->keep_alive = (uint16_t)number;
  else if (IS("answer_time")) config->answer_time = number;
  else if (IS("websocket_path")) config->websocket_path = value;
  else if (IS("firmware_version")) config->firmware_version = value;
  else if (IS("desired")) config->desired = value;
  else if (IS("thing_model")) return (config->thing_model = read_file(value, 0)) != NULL;
  else if (IS("interrupted_version")) config->interrupted_version = value;
  else if (IS("interrupted_digest")) config->interrupted_digest = value;
  else return 0;
#undef IS
  return 1;
}

int main(int count, char **values) {
  nbiot_config config;
  nbiot_device *device;
  nbiot_event event;
  char topic[160];
  int code, index, is_open = 1;
  size_t alignment = nbiot_device_alignment();
  void *memory = aligned_alloc(alignment, (nbiot_device_size() + alignment - 1) / alignment * alignment);

  if (count < 8 || !memory) {
    fprintf(stderr,
        "usage: listen PRODUCTKEY DEVICENAME SECRETFILE STATEDIRECTORY HOST PORT CAFILE [NAME=VALUE...]\n");
    return 2;
  }
  // The secret goes into no core file.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  setvbuf(stdout, NULL, _IOLBF, 0);
  memset(&config, 0, sizeof config);
  config.product_key = values[1];
  config.device_name = values[2];
  config.device_secret = read_file(values[3], 1);
  config.state_directory = values[4];
  config.host = values[5];
  config.port = (uint16_t)atoi(values[6]);
  config.ca_pem = read_file(values[7], 0);
  snprintf(topic, sizeof topic, "/%s/%s/user/update", values[1], values[2]);
  config.topic = topic;
  for (index = 8; index < count; index++)
    if (!set_option(&config, values[index])) {
      fprintf(stderr, "listen: what is %s?\n", values[index]);
      return 2;
    }

  code = nbiot_create(memory, nbiot_device_size(), &config, &device);
  if (code != NBIOT_OK) {
    fprintf(stderr, "nbiot_create: %d, %s\n", code, strerror(errno));
    return 2;
  }
  for (;;) {
    struct pollfd entries[2];
    while (nbiot_drive(device, &event) > 0) print_event(device, &event);
    if (!is_open && nbiot_pending(device) == 0) break;
    entries[0].fd = is_open ? 0 : -1;
    entries[1].fd = nbiot_descriptor(device);
    entries[0].events = entries[1].events = POLLIN;
    entries[0].revents = 0;
    poll(entries, 2, nbiot_timeout(device));
    if (entries[0].revents) is_open = take_input(device);
  }
  nbiot_destroy(device);
  free(memory);
  return 0;
}
