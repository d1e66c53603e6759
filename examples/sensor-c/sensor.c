// SPDX-License-Identifier: Apache-2.0
/* A temperature sensor: reports the number in a file, thousandths of a degree, at an interval.
 *
 *   sensor FILE STATEDIRECTORY SECONDS COUNT
 *
 * for example `sensor /sys/class/thermal/thermal_zone0/temp state 60 0`; COUNT 0 is without end. A reading is on disk
 * before the next one is taken: those that the platform has not accepted when the program ends are sent by the next
 * run. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nbiot_device.h"

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000) + time.tv_nsec / 1000000;
}

static const char *setting(const char *name) {
  const char *value = getenv(name);
  if (value) return value;
  fprintf(stderr, "sensor: %s is not set\n", name);
  exit(2);
}

/* A number from 0 to `most`. */
static long number(const char *name, const char *text, long most) {
  char *end;
  long value;
  errno = 0;
  value = strtol(text, &end, 10);
  if (end != text && !*end && !errno && value >= 0 && value <= most) return value;
  fprintf(stderr, "sensor: %s is 0 to %ld\n", name, most);
  exit(2);
}

/* Puts a reading into the outbox; false if there is none. */
static int report(nbiot_device *device, const char *path) {
  long milli;
  char payload[64];
  int count, result;
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  count = fscanf(file, "%ld", &milli);
  fclose(file);
  if (count != 1) return 0;
  count = snprintf(payload, sizeof payload, "{\"temperature\":%.3f}", milli / 1000.0);
  result = nbiot_publish(device, NULL, payload, (size_t)count, 0, NULL);
  if (result != NBIOT_OK) fprintf(stderr, "sensor: the reading was not stored (%d)\n", result);
  return result == NBIOT_OK;
}

int main(int count, char **arguments) {
  nbiot_config config = {0};
  nbiot_device *device;
  char topic[128];
  long seconds, left;
  int64_t due;
  int result, endless, failed = 0;
  void *memory;

  if (count != 5) {
    fprintf(stderr, "sensor: takes FILE STATEDIRECTORY SECONDS COUNT\n");
    return 2;
  }
  /* poll takes milliseconds in an int. */
  seconds = number("SECONDS", arguments[3], INT_MAX / 1000);
  left = number("COUNT", arguments[4], LONG_MAX);
  endless = left == 0;
  if (endless && seconds == 0) {
    fprintf(stderr, "sensor: readings without end need SECONDS of 1 or more\n");
    return 2;
  }
  config.product_key = setting("NBIOT_PRODUCT_KEY");
  config.device_name = setting("NBIOT_DEVICE_NAME");
  config.device_secret = setting("NBIOT_DEVICE_SECRET");
  config.state_directory = arguments[2];
  /* Without a host it is the platform's. */
  config.host = getenv("NBIOT_HOST");
  config.port = getenv("NBIOT_PORT") ? (uint16_t)number("NBIOT_PORT", getenv("NBIOT_PORT"), UINT16_MAX) : 0;
  snprintf(topic, sizeof topic, "/%s/%s/user/update", config.product_key, config.device_name);
  config.topic = topic;

  memory = aligned_alloc(nbiot_device_alignment(), nbiot_device_size());
  if (!memory || (result = nbiot_create(memory, nbiot_device_size(), &config, &device)) != NBIOT_OK) {
    fprintf(stderr, "sensor: no device (%d)\n", memory ? result : NBIOT_MEMORY);
    return 1;
  }
  due = now();
  while (endless || left > 0 || nbiot_pending(device) > 0) {
    nbiot_event event;
    struct pollfd entry = {nbiot_descriptor(device), POLLIN, 0};
    int wait = nbiot_timeout(device);
    if (endless || left > 0) {
      int64_t until = due - now();
      if (until <= 0) {
        failed |= !report(device, arguments[1]);
        if (left > 0) left--;
        due += seconds * INT64_C(1000);
        /* Drives the device between two readings, however fast they are. */
        until = 0;
      }
      if (wait < 0 || wait > until) wait = (int)until;
    }
    if (poll(&entry, 1, wait) < 0 && errno != EINTR) {
      perror("sensor: poll");
      failed = 1;
      break;
    }
    while (nbiot_drive(device, &event) > 0) {
      if (event.kind == NBIOT_DELIVERED) printf("delivered %" PRIu64 "\n", event.id);
      if (event.kind == NBIOT_REJECTED) failed = 1;
    }
    fflush(stdout);
  }
  nbiot_destroy(device);
  free(memory);
  return failed;
}
