// SPDX-License-Identifier: Apache-2.0
// The plugin of `nbiot simulate` for mosquitto: it decides nothing, asks the simulator over a Unix socket
// (nbiot_broker.h) and carries out what the simulator says.
//
// mosquitto has one thread, which calls all of this. Whatever goes wrong with the socket ends the process: the
// simulator is gone, or no longer understood.
#define _GNU_SOURCE
#include "nbiot_broker.h"

#if __has_include(<mosquitto_plugin.h>) && __has_include(<mosquitto_broker.h>)

#include <dlfcn.h>
#include <errno.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// Those of mosquitto.h, which belongs to another package.
enum { SUCCESS = 0, FAILURE = 1, REFUSED = 11, DENIED = 12 };
enum { LOG_ERROR = 0x08 };

// ---------------------------------------------------------------------------------------------- State

static struct {
  int descriptor;
  mosquitto_plugin_id_t *identifier;
  bool is_ready;
  // Functions of mosquitto 2.0 that its plugin interface does not have; NULL where they are not to be used.
  int (*send_connack)(struct mosquitto *, uint8_t, uint8_t, const mosquitto_property *);
  void (*send_will)(struct mosquitto *);
  // The topic of the will, while mosquitto is made to show it; NULL at all other times.
  char *will_topic;
  bool looks_for_will;
} self = {.descriptor = -1};

// A connection that is to be closed, once the messages for it have gone out.
struct closing {
  struct closing *next;
  int ticks;
  char id[];
};
static struct closing *closings;

static void end(const char *why) {
  mosquitto_log_printf(LOG_ERROR, "nbiot: %s", why);
  _exit(EXIT_FAILURE);
}

// --------------------------------------------------------------------------------------------- Frames

struct bytes {
  uint8_t *data;
  size_t count;
};

static uint8_t output[NBIOT_FRAME_LIMIT + 4];
static size_t output_count;
static uint8_t input[NBIOT_FRAME_LIMIT];

static void put_number(uint64_t value, size_t width) {
  if (output_count + width > sizeof output) end("a request is too long");
  for (size_t index = width; index > 0; index -= 1) {
    output[output_count++] = (uint8_t)(value >> (8 * (index - 1)));
  }
}

static void put_bytes(const void *data, size_t count) {
  put_number(count, 4);
  if (count > sizeof output - output_count) end("a request is too long");
  if (count > 0) memcpy(output + output_count, data, count);
  output_count += count;
}

static void put_text(const char *text) { put_bytes(text, text ? strlen(text) : 0); }

static void begin(enum nbiot_frame_kind kind, const void *connection) {
  output_count = 4;
  put_number(kind, 1);
  if (connection) put_number((uint64_t)(uintptr_t)connection, 8);
}

static void send_frame(void) {
  size_t count = output_count;
  output_count = 0;
  put_number(count - 4, 4);
  size_t sent = 0;
  while (sent < count) {
    ssize_t result = send(self.descriptor, output + sent, count - sent, MSG_NOSIGNAL);
    if (result < 0 && errno == EINTR) continue;
    if (result <= 0) end("the simulator is gone");
    sent += (size_t)result;
  }
}

static void read_all(uint8_t *place, size_t count) {
  while (count > 0) {
    ssize_t result = recv(self.descriptor, place, count, 0);
    if (result < 0 && errno == EINTR) continue;
    if (result <= 0) end("the simulator is gone");
    place += result;
    count -= (size_t)result;
  }
}

static uint64_t take_number(struct bytes *rest, size_t width) {
  if (rest->count < width) end("the simulator is not understood");
  uint64_t value = 0;
  for (size_t index = 0; index < width; index += 1) value = value << 8 | rest->data[index];
  rest->data += width;
  rest->count -= width;
  return value;
}

static struct bytes take_bytes(struct bytes *rest) {
  size_t count = (size_t)take_number(rest, 4);
  if (count > rest->count) end("the simulator is not understood");
  struct bytes taken = {rest->data, count};
  rest->data += count;
  rest->count -= count;
  return taken;
}

static char *take_text(struct bytes *rest) {
  struct bytes taken = take_bytes(rest);
  char *text = malloc(taken.count + 1);
  if (!text) end("no memory");
  if (taken.count > 0) memcpy(text, taken.data, taken.count);
  text[taken.count] = 0;
  return text;
}

// --------------------------------------------------------------------------------------------- Orders

static void deliver(struct bytes *rest) {
  char *id = take_text(rest);
  int qos = (int)take_number(rest, 1);
  char *topic = take_text(rest);
  struct bytes payload = take_bytes(rest);
  // It is sent when mosquitto's loop begins anew; to nobody where the connection is gone.
  mosquitto_broker_publish_copy(id, topic, (int)payload.count, payload.data, qos, false, NULL);
  free(topic);
  free(id);
}

static void close_later(struct bytes *rest) {
  struct bytes id = take_bytes(rest);
  struct closing *entry = malloc(sizeof *entry + id.count + 1);
  if (!entry) end("no memory");
  // The second tick from now has a beginning of the loop before it, when messages go out.
  entry->ticks = 2;
  memcpy(entry->id, id.data, id.count);
  entry->id[id.count] = 0;
  entry->next = NULL;
  struct closing **last = &closings;
  while (*last) last = &(*last)->next;
  *last = entry;
}

static void close_those_that_are_due(void) {
  struct closing **place = &closings;
  while (*place) {
    struct closing *entry = *place;
    entry->ticks -= 1;
    if (entry->ticks > 0) {
      place = &entry->next;
      continue;
    }
    *place = entry->next;
    mosquitto_kick_client_by_clientid(entry->id, false);
    free(entry);
  }
}

// Reads one frame and carries it out; true where it is an answer, whose fields are in `rest` then.
static bool read_frame(struct bytes *rest) {
  uint8_t head[4];
  read_all(head, sizeof head);
  struct bytes number = {head, sizeof head};
  size_t count = (size_t)take_number(&number, 4);
  if (count == 0 || count > sizeof input) end("the simulator is not understood");
  read_all(input, count);
  *rest = (struct bytes){input, count};
  switch (take_number(rest, 1)) {
    case NBIOT_ANSWER: return true;
    case NBIOT_DELIVER: deliver(rest); return false;
    case NBIOT_CLOSE: close_later(rest); return false;
    default: end("the simulator is not understood");
  }
  return false;
}

struct answer {
  enum nbiot_verdict verdict;
  uint8_t code;
  struct bytes id;
};

static struct answer ask(void) {
  send_frame();
  struct bytes rest;
  while (!read_frame(&rest)) {}
  struct answer answer;
  answer.verdict = (enum nbiot_verdict)take_number(&rest, 1);
  answer.code = (uint8_t)take_number(&rest, 1);
  answer.id = take_bytes(&rest);
  return answer;
}

// --------------------------------------------------------------------------------------------- Events

// Whether the client has a will: mosquitto is made to send it, which is asked for as any message is, refused, and
// forgets it.
static bool has_will(struct mosquitto *client) {
  if (!self.send_will) return false;
  self.looks_for_will = true;
  self.send_will(client);
  self.looks_for_will = false;
  return self.will_topic != NULL;
}

static int on_connect(int event, void *data, void *user_data) {
  (void)event, (void)user_data;
  struct mosquitto_evt_basic_auth *connect = data;
  struct mosquitto *client = connect->client;
  int version = mosquitto_client_protocol_version(client);
  unsigned flags = 0;
  if (mosquitto_client_protocol(client) == mp_websockets) flags |= NBIOT_WEBSOCKET;
  if (mosquitto_client_clean_session(client)) flags |= NBIOT_CLEAN_SESSION;
  if (connect->username) flags |= NBIOT_USER_NAME;
  if (connect->password) flags |= NBIOT_PASSWORD;
  // A will of MQTT 5 may be put off, and is not seen; that version is refused anyway.
  if (version != 5 && has_will(client)) flags |= NBIOT_WILL;
  begin(NBIOT_CONNECT, client);
  put_number((uint64_t)version, 1);
  put_number(flags, 1);
  put_number((uint64_t)mosquitto_client_keepalive(client), 2);
  put_text(mosquitto_client_id(client));
  put_text(connect->username);
  put_text(connect->password);
  put_text(mosquitto_client_address(client));
  put_text(self.will_topic);
  free(self.will_topic);
  self.will_topic = NULL;
  struct answer answer = ask();
  if (answer.verdict == NBIOT_ACCEPT) {
    // mosquitto's own copy, which it looks at from here on: an id of the simulator's, never a longer one.
    char *id = (char *)mosquitto_client_id(client);
    if (answer.id.count > 0) {
      if (answer.id.count > strlen(id)) end("the simulator's id is too long");
      memcpy(id, answer.id.data, answer.id.count);
      id[answer.id.count] = 0;
    }
    return SUCCESS;
  }
  if (answer.verdict == NBIOT_HANG_UP) return FAILURE;
  // mosquitto's own CONNACK has 5, or for MQTT 5 its equal.
  if (version == 5 || answer.code == 5 || !self.send_connack) return REFUSED;
  self.send_connack(client, 0, answer.code, NULL);
  return FAILURE;
}

static int on_access(int event, void *data, void *user_data) {
  (void)event, (void)user_data;
  struct mosquitto_evt_acl_check *check = data;
  struct answer answer;
  switch (check->access) {
    case MOSQ_ACL_WRITE:
      if (self.looks_for_will) {
        self.will_topic = strdup(check->topic);
        return DENIED;
      }
      begin(NBIOT_PUBLISH, check->client);
      put_number(check->qos, 1);
      put_number(check->retain, 1);
      put_text(check->topic);
      put_bytes(check->payload, check->payloadlen);
      answer = ask();
      // What is denied is acknowledged, and goes no further: the simulator has it.
      return answer.verdict == NBIOT_HANG_UP ? FAILURE : DENIED;
    case MOSQ_ACL_SUBSCRIBE:
      begin(NBIOT_SUBSCRIBE, check->client);
      put_number(check->qos, 1);
      put_text(check->topic);
      answer = ask();
      switch (answer.verdict) {
        case NBIOT_ACCEPT: return SUCCESS;
        case NBIOT_REFUSE: return DENIED;
        default: return FAILURE;
      }
    case MOSQ_ACL_UNSUBSCRIBE:
      begin(NBIOT_UNSUBSCRIBE, check->client);
      put_text(check->topic);
      send_frame();
      return SUCCESS;
    default:
      // Reading: there is nothing but what the simulator has sent.
      return SUCCESS;
  }
}

static int on_disconnect(int event, void *data, void *user_data) {
  (void)event, (void)user_data;
  begin(NBIOT_DISCONNECT, ((struct mosquitto_evt_disconnect *)data)->client);
  send_frame();
  return SUCCESS;
}

// Called each time that mosquitto's loop has gone round, every 100 ms at least.
static int on_tick(int event, void *data, void *user_data) {
  (void)event, (void)data, (void)user_data;
  if (!self.is_ready) {
    self.is_ready = true;
    begin(NBIOT_READY, NULL);
    send_frame();
  }
  struct pollfd entry = {.fd = self.descriptor, .events = POLLIN};
  while (poll(&entry, 1, 0) > 0) {
    struct bytes rest;
    if (read_frame(&rest)) end("an answer that nobody asked for");
  }
  close_those_that_are_due();
  return SUCCESS;
}

// ---------------------------------------------------------------------------------- Beginning and end

int mosquitto_plugin_version(int count, const int *versions) {
  for (int index = 0; index < count; index += 1) {
    if (versions[index] == 5) return 5;
  }
  return -1;
}

static const char *option(const char *name, struct mosquitto_opt *options, int count) {
  for (int index = 0; index < count; index += 1) {
    if (strcmp(options[index].key, name) == 0) return options[index].value;
  }
  return NULL;
}

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (!path || strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return descriptor;
  close(descriptor);
  return -1;
}

int mosquitto_plugin_init(
    mosquitto_plugin_id_t *identifier, void **user_data, struct mosquitto_opt *options, int count) {
  (void)user_data;
  // The broker ends with the simulator; where that has gone already, its socket refuses.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Ctrl-C is for the simulator, which ends the broker itself.
  setpgid(0, 0);
  // Whoever has started the simulator may have blocked signals.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  self.descriptor = connect_to(option("socket", options, count));
  if (self.descriptor < 0) {
    mosquitto_log_printf(LOG_ERROR, "nbiot: the simulator's socket does not answer");
    return FAILURE;
  }
  self.identifier = identifier;
  const char *functions = option("functions", options, count);
  if (functions && strcmp(functions, "2.0") == 0) {
    *(void **)&self.send_connack = dlsym(RTLD_DEFAULT, "send__connack");
    *(void **)&self.send_will = dlsym(RTLD_DEFAULT, "context__send_will");
  }
  begin(NBIOT_HELLO, NULL);
  put_number(self.send_connack && self.send_will, 1);
  send_frame();
  int failures = 0;
  failures += mosquitto_callback_register(identifier, MOSQ_EVT_BASIC_AUTH, on_connect, NULL, NULL);
  failures += mosquitto_callback_register(identifier, MOSQ_EVT_ACL_CHECK, on_access, NULL, NULL);
  failures += mosquitto_callback_register(identifier, MOSQ_EVT_DISCONNECT, on_disconnect, NULL, NULL);
  failures += mosquitto_callback_register(identifier, MOSQ_EVT_TICK, on_tick, NULL, NULL);
  return failures == 0 ? SUCCESS : FAILURE;
}

int mosquitto_plugin_cleanup(void *user_data, struct mosquitto_opt *options, int count) {
  (void)user_data, (void)options, (void)count;
  if (self.descriptor >= 0) close(self.descriptor);
  self.descriptor = -1;
  return SUCCESS;
}

#else

// Without mosquitto-dev there is nothing to build; the simulator knows it by this name.
extern const char nbiot_broker_needs_mosquitto_dev[];
const char nbiot_broker_needs_mosquitto_dev[] = "nbiot: built without mosquitto-dev";

#endif
