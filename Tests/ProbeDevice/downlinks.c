// SPDX-License-Identifier: Apache-2.0
/* Counts what is allocated while a device answers messages of the platform: downlinks PORT COUNT STATEDIRECTORY, with
 * libnbiot-device-mqtt.a. It has the allocator's functions itself, and sees by the return address who calls them: the
 * program with the library in it, or another one. The exit status is 1 if the program's own part allocates after the
 * first hundred. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nbiot_device.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

enum { MOST = 32, OWN = 0 };

static struct object {
  char name[64];
  uintptr_t start, end;
  unsigned long calls;
} objects[MOST];
static int object_count;

static void note(const void *caller) {
  uintptr_t address = (uintptr_t)caller;
  int index;
  for (index = 0; index < object_count; index++)
    if (address >= objects[index].start && address < objects[index].end) {
      __atomic_fetch_add(&objects[index].calls, 1, __ATOMIC_RELAXED);
      return;
    }
}

#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))

void *malloc(size_t size) {
  note(CALLER);
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  note(CALLER);
  return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
  note(CALLER);
  return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  note(CALLER);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  note(CALLER);
  *result = __libc_memalign(alignment, size);
  return *result ? 0 : ENOMEM;
}

// The first object is the program.
static int add_object(struct dl_phdr_info *info, size_t size, void *context) {
  const char *name = strrchr(info->dlpi_name, '/');
  int index;
  (void)size;
  (void)context;
  if (object_count == MOST) return 1;
  snprintf(objects[object_count].name, sizeof objects[0].name, "%s", object_count == OWN ? "own" : name ? name + 1 : "");
  objects[object_count].start = UINTPTR_MAX;
  for (index = 0; index < info->dlpi_phnum; index++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[index];
    uintptr_t start = info->dlpi_addr + part->p_vaddr;
    if (part->p_type != PT_LOAD) continue;
    if (start < objects[object_count].start) objects[object_count].start = start;
    if (start + part->p_memsz > objects[object_count].end) objects[object_count].end = start + part->p_memsz;
  }
  object_count++;
  return 0;
}

static int answer(nbiot_device *device, const nbiot_event *event) {
  return event->answer_form == NBIOT_ANSWER_BYTES ? nbiot_reply_bytes(device, event->id, "pong", 4)
                                                  : nbiot_reply(device, event->id, 200, "{\"value\":1}", 11);
}

int main(int count, char **values) {
  static unsigned long early[MOST];
  nbiot_config config;
  nbiot_device *device;
  nbiot_event event;
  unsigned long wanted, answered = 0;
  size_t early_heap = 0;
  int index, code;
  void *memory = aligned_alloc(64, (nbiot_device_size() + 63) / 64 * 64);

  if (count != 4) return 2;
  dl_iterate_phdr(add_object, NULL);
  wanted = strtoul(values[2], NULL, 10);
  memset(&config, 0, sizeof config);
  config.product_key = "a1B2c3D4e5F";
  config.device_name = "device1";
  config.device_secret = "0123456789abcdef0123456789abcdef";
  config.state_directory = values[3];
  config.host = "127.0.0.1";
  config.port = (uint16_t)atoi(values[1]);
  config.plain = 1;
  config.firmware_version = "1.0.0";
  code = nbiot_create(memory, nbiot_device_size(), &config, &device);
  if (code != NBIOT_OK) return 3;
  while (answered < wanted) {
    struct pollfd entry;
    while (nbiot_drive(device, &event) > 0) {
      if (event.kind == NBIOT_CONNECTED) continue;
      // A broker that is no platform gives the answer to a service back to the device.
      if (event.kind == NBIOT_MESSAGE_REFUSED && strcmp(event.fault, "reply") == 0) continue;
      if (event.kind != NBIOT_REQUEST || answer(device, &event) != NBIOT_OK) {
        fprintf(stderr, "event %d (%s) after %lu answers\n", event.kind, event.fault ? event.fault : "", answered);
        return 4;
      }
      if (++answered != 100) continue;
      for (index = 0; index < object_count; index++) early[index] = objects[index].calls;
      early_heap = mallinfo2().uordblks;
    }
    if (answered == wanted) break;
    entry.fd = nbiot_descriptor(device);
    entry.events = POLLIN;
    poll(&entry, 1, nbiot_timeout(device));
  }
  printf("heap in use: %zu bytes after 100 answers, %zu after %lu\n", early_heap, (size_t)mallinfo2().uordblks, answered);
  for (index = 0; index < object_count; index++)
    if (objects[index].calls)
      printf("%-24s %8lu allocations until then, %lu after\n", objects[index].name, early[index],
          objects[index].calls - early[index]);
  code = objects[OWN].calls != early[OWN];
  nbiot_destroy(device);
  return code;
}
