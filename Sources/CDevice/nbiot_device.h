// SPDX-License-Identifier: Apache-2.0
/* A device on the Alibaba Cloud IoT platform, over CoAP, MQTT or HTTPS, for programs in C.
 *
 * There are three archives with this interface: libnbiot-device.a is a device over CoAP, libnbiot-device-mqtt.a one over
 * MQTT, to which the platform can speak as well, and libnbiot-device-https.a one over HTTPS, whose reports can have
 * 131,072 bytes. What not all of them have says so; members of the configuration that belong to another must be zero. A
 * program links one of the three, and is compiled with the header beside it.
 *
 * A report accepted by `nbiot_publish` is on disk, and stays there until the platform has accepted it,
 * across restarts and power failures. Token, sequence numbers and DTLS session survive as well, so that a
 * start costs no `/auth`.
 *
 *   nbiot_config config = {0};
 *   config.product_key = "a1B2c3D4e5F";
 *   config.device_name = "device1";
 *   config.device_secret = secret;
 *   config.state_directory = "state";
 *   config.topic = "/a1B2c3D4e5F/device1/user/update";
 *
 *   void *memory = aligned_alloc(nbiot_device_alignment(), nbiot_device_size());
 *   nbiot_device *device;
 *   if (nbiot_create(memory, nbiot_device_size(), &config, &device) != NBIOT_OK) return 1;
 *   if (nbiot_publish(device, NULL, "{\"value\":1}", 11, 0, NULL) != NBIOT_OK) return 1;
 *   while (nbiot_pending(device) > 0) {
 *     nbiot_event event;
 *     struct pollfd entry = {nbiot_descriptor(device), POLLIN, 0};
 *     poll(&entry, 1, nbiot_timeout(device)); // first wait, then drive: else the last wait has no end
 *     while (nbiot_drive(device, &event) > 0)
 *       if (event.kind == NBIOT_DELIVERED) printf("delivered, %d\n", event.code);
 *   }
 *   nbiot_destroy(device);
 *   free(memory);
 *
 * The memory belongs to the caller and must not move. Only one thread at a time may use a device; different
 * threads may use different devices. Except for the memory, the library does not keep pointers passed to it;
 * texts end with a zero byte. After the first report nothing is allocated; over HTTPS, libcurl allocates for each
 * request, and so does its body.
 *
 * The secret is in the process's memory. To keep it out of core files and away from other processes of the
 * user, a program calls prctl(PR_SET_DUMPABLE, 0) and setrlimit(RLIMIT_CORE) with 0 before it reads the secret;
 * the library leaves that to the program. A program that reads the secret or the certificates from files
 * should open regular files only (O_NONBLOCK and fstat), as nbiot-agent does.
 *
 * Link with libnbiot-device.a, libssl and libcrypto; over MQTT with libnbiot-device-mqtt.a, libpaho-mqtt3as
 * (Eclipse Paho), libssl and libcrypto; over HTTPS with libnbiot-device-https.a, libcurl (the one with OpenSSL), libssl
 * and libcrypto.
 *
 * Over MQTT the device stays connected, and the platform's messages are events as well:
 *
 *   while (nbiot_drive(device, &event) > 0)
 *     if (event.kind == NBIOT_REQUEST && event.answer_form == NBIOT_ANSWER_CODE)
 *       nbiot_reply(device, event.id, set(event.params, event.params_count) ? 200 : 400, NULL, 0);
 *
 * What comes was checked: its envelope, its topic, its names. It is handed over once; what nobody answers in its time
 * is answered with 400, a call while 16 others are open with 429. packaging/listen.c answers each kind.
 * Threads of the MQTT library move the packets; they never call the program. SIGPIPE stays as it is.
 */
#ifndef NBIOT_DEVICE_H
#define NBIOT_DEVICE_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header; nbiot_version has the library's. */
#define NBIOT_VERSION "0.9.0"

#ifdef __cplusplus
extern "C" {
#endif

/* A device in memory of the caller; its contents are private. */
typedef struct nbiot_device nbiot_device;

/* The result of a call. */
enum nbiot_code {
  NBIOT_OK = 0,
  /* A member of the configuration, or an argument, is missing or invalid, or the CA certificates cannot be
   * read. */
  NBIOT_ARGUMENT = -1,
  /* The memory is too small or not aligned. */
  NBIOT_MEMORY = -2,
  /* The state directory cannot be opened or written, and errno says why: the system's number, or
   * EPERM: the directory or a file in it belongs to another user, or others can write to it;
   * ENOTSUP: a later version has written the outbox; EPROTO: an earlier one has, which has to deliver it;
   * EFBIG: the outbox is longer than any that this version writes, or the file system takes no longer file. */
  NBIOT_DISK = -3,
  /* Another process uses the state directory; the call has waited for it for a second. */
  NBIOT_IN_USE = -4,
  /* The outbox is full: drive the device, then try again. */
  NBIOT_FULL = -5,
  /* The payload has more than 1,024 bytes, over HTTPS more than `payload_limit`, or an answer more than 8,100. */
  NBIOT_TOO_LONG = -6,
  /* OpenSSL failed, for example for lack of memory. */
  NBIOT_SECURITY = -7,
  /* Over MQTT and HTTPS. The system gave no memory or descriptor for the connection. */
  NBIOT_SYSTEM = -8,
  /* The rest over MQTT alone. No request has had this id, or no firmware is under way. */
  NBIOT_UNKNOWN_REQUEST = -9,
  /* The request has been answered. */
  NBIOT_ANSWERED = -10,
  /* Its time is over; it has been answered with 400, or nobody waits any more. */
  NBIOT_LATE = -11,
  /* A code for a request of bytes, bytes for one of the thing model, or data that is not one JSON object or has a name
   * twice. The request is as open as before. */
  NBIOT_FORM = -12,
  /* There is no connection, or no room, now. The request is as open as before. */
  NBIOT_NOT_CONNECTED = -13
};

/* The protection of messages over CoAP; over MQTT it is TLS 1.2 or later with `ca_pem`, unless `plain`, and over HTTPS
 * always. */
enum nbiot_security {
  /* AES with a key derived from the device secret, port 5682. */
  NBIOT_SYMMETRIC = 0,
  /* DTLS 1.2, port 5684; the platform authenticates with a certificate issued under `ca_pem`. */
  NBIOT_DTLS_CERTIFICATE = 1,
  /* DTLS 1.2, port 5684; both ends authenticate with a key derived from the device secret. */
  NBIOT_DTLS_KEY = 2
};

/* The retransmissions of a message over CoAP. */
enum nbiot_timing {
  /* First after 10 to 15 seconds, three times. */
  NBIOT_TIMING_NB_IOT = 0,
  /* First after 2 to 3 seconds, four times (RFC 7252). */
  NBIOT_TIMING_STANDARD = 1,
  /* First after 4 to 6 seconds, four times. */
  NBIOT_TIMING_LTE_M = 2,
  /* First after 15 to 22 seconds, twice. */
  NBIOT_TIMING_NB_IOT_DEEP = 3
};

/* How an MQTT connection is signed, or an authentication over HTTPS: there the platform does not take HMAC-SHA256, and
 * 0 is HMAC-SHA1. */
enum nbiot_sign_method {
  NBIOT_SIGN_HMAC_SHA256 = 0,
  NBIOT_SIGN_HMAC_SHA1 = 1,
  NBIOT_SIGN_HMAC_MD5 = 2
};

/* The configuration of a device; set everything to zero first. Members that may be NULL or 0 say so. White space
 * and byte order marks at the ends of texts are ignored, because files and consoles leave them there. */
typedef struct nbiot_config {
  const char *product_key;     /* 1 to 64 letters and digits */
  const char *device_name;     /* 4 to 32 of A-Z a-z 0-9 _ @ . : - */
  const char *client_id;       /* NULL: PRODUCTKEY&DEVICENAME; over MQTT without | */
  const char *device_secret;   /* 1 to 128 bytes of UTF-8; copied, and wiped at the end */
  const char *state_directory; /* this device's own directory; created if it does not exist */
  const char *host;            /* a name or an address in digits, also HOST:PORT, [ADDRESS]:PORT or a CoAP
                                * URI, whose scheme, coap or coaps, must match `security`; over HTTPS also
                                * https://HOST:PORT; NULL: the platform's own */
  uint16_t port;               /* 0: the one in `host`, else 5682 or 5684; over MQTT 1883 or 443, over HTTPS 443 */
  uint8_t security;            /* CoAP: enum nbiot_security */
  uint8_t timing;              /* CoAP: enum nbiot_timing */
  const char *ca_pem;          /* with NBIOT_DTLS_CERTIFICATE, over MQTT unless `plain`, and over HTTPS: the
                                * authorities, in PEM */
  const char *server_name;     /* CoAP: the name in the platform's certificate; NULL: the host */
  const char *topic;           /* the topic of reports without one; may be NULL */
  uint32_t outbox_bytes;       /* the maximum size of waiting reports, up to 16 MB; 0: 65,536. Over HTTPS at least
                                * 1,024 more than `payload_limit`; 0: 1,048,576 */
  uint32_t token_lifetime;     /* CoAP and HTTPS: seconds; 0: 604,800 (7 days) */
  /* CoAP: called right before each datagram, with a hint about the radio's next seconds: 0 nothing is expected
   * and nothing will be sent, 1 one answer is expected and then nothing, 2 more will be sent. May be NULL.
   * It must not call the device. */
  void (*radio_hint)(int hint, void *context);
  void *context;
  uint8_t allow_common_name;   /* CoAP: 1: the name may be only in the certificate's common name, which RFC 9525
                                * forbids but an old platform may need */
  uint32_t max_attempts; /* attempts after which a report is given up, 255 at most; 0: never */
  uint32_t max_age;      /* age in seconds at which a report is given up; 0: never */
  /* The rest over MQTT alone. */
  uint8_t websocket;     /* 1: over a WebSocket */
  uint8_t plain;         /* 1: without TLS: anybody on the way reads and changes all */
  uint8_t keep_session;  /* 1: the platform keeps subscriptions and messages between connections */
  uint8_t notices;       /* 1: ask to be told when another device connects with this identity */
  uint8_t reports_only;  /* 1: connect only while there are reports, and take no messages */
  uint8_t sign_method;   /* enum nbiot_sign_method; over HTTPS as well */
  uint8_t in_flight;     /* reports under way at once, 1 to 16; 0: 1 */
  uint16_t keep_alive;   /* the longest time without a packet, 30 to 1,200 seconds; 0: 300 */
  uint32_t answer_time;  /* seconds for the answer to a request, 1 to 3,600; 0: 30. A synchronous call has 4 */
  const char *websocket_path;      /* begins with a slash; NULL: /mqtt */
  const char *firmware_version;    /* what runs, told after each connect, up to 128 bytes; NULL: nothing is told */
  const char *desired;             /* names of properties with commas between them, whose desired values are asked
                                    * for after each connect; NULL: none */
  const char *interrupted_version; /* the upgrade that was under way when the program ended, or NULL: its next push */
  const char *interrupted_digest;  /* goes on with it; its digest in hexadecimal digits */
  uint8_t ignore_replies; /* 1: a report on /sys/.../thing/... ends with its acknowledgement, not with the reply on
                           * TOPIC_reply, which is subscribed to otherwise and may refuse it; without a reply in 5
                           * seconds the acknowledgement counts */
  const char *thing_model; /* the product's thing model, a TSL text in JSON that stays as it is until nbiot_destroy:
                            * what the platform asks for and it does not allow is answered with 460, and told as
                            * NBIOT_MESSAGE_REFUSED; NULL: everything is handed over */
  /* The rest over HTTPS alone. */
  uint32_t payload_limit; /* the longest payload, 131,072 bytes at most; 0: 131,072. Beyond 1,024 the outbox has
                           * 131,264 bytes on the heap, of which the system gives what is used */
  uint8_t proxy;          /* 1: by the proxy that the environment names, https_proxy */
  uint8_t timestamp;      /* 1: say what time it is when authenticating: the platform refuses a wrong clock then */
} nbiot_config;

/* Why an authentication or a report failed, or why there is no link; nbiot_reason_text explains each. */
enum nbiot_reason {
  NBIOT_REASON_NONE = 0,
  NBIOT_REASON_REFUSED = 1,
  NBIOT_REASON_TIMED_OUT = 2,
  NBIOT_REASON_RESET = 3,
  NBIOT_REASON_UNUSABLE_ANSWER = 4,
  NBIOT_REASON_NO_KEY = 5,
  NBIOT_REASON_INTERRUPTED = 6,
  NBIOT_REASON_SEQUENCE_EXHAUSTED = 7,
  /* Reasons of the link. */
  NBIOT_REASON_UNKNOWN_HOST = 8,
  NBIOT_REASON_PORT_UNREACHABLE = 9,
  NBIOT_REASON_UNREACHABLE = 10,
  NBIOT_REASON_NO_SOCKET = 11,
  /* Reasons of the DTLS handshake; without any answer the reason is NBIOT_REASON_TIMED_OUT. */
  NBIOT_REASON_UNCONFIRMED = 12,
  NBIOT_REASON_UNKNOWN_AUTHORITY = 13,
  NBIOT_REASON_WRONG_NAME = 14,
  NBIOT_REASON_EXPIRED = 15,
  NBIOT_REASON_NOT_YET_VALID = 16,
  NBIOT_REASON_INVALID_AUTHORITY = 17,
  NBIOT_REASON_WEAK_SIGNATURE = 18,
  NBIOT_REASON_WEAK_KEY = 19,
  NBIOT_REASON_WRONG_PURPOSE = 20,
  NBIOT_REASON_CERTIFICATE = 21,
  NBIOT_REASON_OLD_VERSION = 22,
  NBIOT_REASON_NOTHING_IN_COMMON = 23,
  NBIOT_REASON_CERTIFICATE_WANTED = 24,
  NBIOT_REASON_UNKNOWN_IDENTITY = 25,
  NBIOT_REASON_WRONG_KEY = 26,
  NBIOT_REASON_ALERT = 27,
  NBIOT_REASON_HANDSHAKE = 28,
  /* Reasons over MQTT: how a connection has ended. Over HTTPS the first, of a request. */
  NBIOT_REASON_BROKEN = 29,
  NBIOT_REASON_CLOSED = 30,
  NBIOT_REASON_SAME_IDENTITY = 31,
  NBIOT_REASON_CLOSED_TWICE = 32,
  /* The MQTT library could not begin, for lack of memory, descriptors or threads; libcurl failed. */
  NBIOT_REASON_LIBRARY = 33,
  /* The platform sent what is not MQTT or HTTP, or announced or sent more than the device takes; the connection was
   * cut. */
  NBIOT_REASON_MALFORMED = 34,
  NBIOT_REASON_OVERSIZED = 35,
  /* Reasons over HTTPS alone. The answer has the HTTP status `code`, and nothing of the platform's; a token that is too
   * long to keep; no memory for the request; `ca_pem` cannot be used. */
  NBIOT_REASON_FOREIGN_ANSWER = 36,
  NBIOT_REASON_TOKEN_TOO_LONG = 37,
  NBIOT_REASON_NO_MEMORY = 38,
  NBIOT_REASON_AUTHORITIES = 39
};

/* The kind of an event. */
enum nbiot_event_kind {
  /* The platform has accepted the report. */
  NBIOT_DELIVERED = 1,
  /* The platform refuses it for good; `code` gives the reason, or `reply_code` if `code` is 205, as always over MQTT
   * (where `code` is 0) and HTTPS. It was deleted. */
  NBIOT_REJECTED = 2,
  /* It was not accepted yet and will be sent again; `code` is 0 if there was no answer. Over HTTPS also where a front
   * end has answered and not the platform (NBIOT_REASON_FOREIGN_ANSWER): only the platform's codes reject. */
  NBIOT_POSTPONED = 3,
  /* The device has a token. */
  NBIOT_AUTHENTICATED = 4,
  /* The device could not get a token: `code` is the platform's answer, 0 if there was none. Over MQTT the connection
   * was refused: `code` is CONNACK's number. MQTT 3.1.1 has 1 version, 2 client id, 3 server unavailable, 4 user name
   * or password, 5 not authorized; public SDKs of the platform read 2, 3 and 4 as one less. */
  NBIOT_AUTHENTICATION_FAILED = 5,
  /* The disk cannot be written; nothing is sent until writes succeed. */
  NBIOT_DISK_REFUSES = 6,
  /* There is no network, or no server listens at the address; tried again later. */
  NBIOT_NO_LINK = 7,
  /* The report was sent `max_attempts` times and was deleted; `code` is that of the last answer. */
  NBIOT_GIVEN_UP = 8,
  /* It is older than `max_age`, and was deleted. */
  NBIOT_TOO_OLD = 9,
  /* Its lifetime has ended, and it was deleted. */
  NBIOT_EXPIRED = 10,
  /* It was dropped to make room for another one, or a later one has replaced it. This interface causes
   * neither, but they may occur in a directory that nbiot-agent has used. */
  NBIOT_DROPPED = 11,
  NBIOT_SUPERSEDED = 12,
  /* The next over MQTT alone; `topic`, `payload` and what follows them are of the platform's message. */
  /* The device is connected. */
  NBIOT_CONNECTED = 13,
  /* The connection has ended; `milliseconds` are those until the next one is tried. */
  NBIOT_DISCONNECTED = 14,
  /* So it has, because another device has the same identity, or seems to. The device does not come straight back,
   * which would throw the other one out: `milliseconds` are many. */
  NBIOT_KICKED = 15,
  /* The platform asks for something, and waits `time_left` milliseconds at most: answer with `id`. `answer_form` says
   * how. */
  NBIOT_REQUEST = 16,
  /* The platform tells something that needs no answer, or has got the only one there is: disable, enable, delete, a
   * configuration, sub-devices, desired values. Of NBIOT_DOWNLINK_SUB_DEVICE_ERROR `code` is the code. */
  NBIOT_NOTICE = 17,
  /* The platform offers a firmware; `code` is an enum nbiot_firmware. */
  NBIOT_FIRMWARE = 18,
  /* A request was not answered in its time; `code` is what the platform was told, 400, or 0 where nothing is: nobody
   * waits for a synchronous call any more, and bytes have no code. */
  NBIOT_UNANSWERED = 19,
  /* A message was not handed over, `fault` says why: the platform was told `code`, or nothing where that is 0. */
  NBIOT_MESSAGE_REFUSED = 20,
  /* The platform refuses a subscription; `topic` is its filter. */
  NBIOT_SUBSCRIPTION_REFUSED = 21,
  /* Over HTTPS alone: the system's clock, synchronised or not, is `detail` seconds, more than 15 minutes, behind the
   * platform's (`code` 1) or ahead of it (-1). */
  NBIOT_WRONG_CLOCK = 22
};

/* What a message of the platform is (device guide 4 to 6); over MQTT alone. Topics begin with
 * /sys/PRODUCTKEY/DEVICENAME/ unless they are written with a slash. */
enum nbiot_downlink {
  NBIOT_DOWNLINK_NONE = 0,
  NBIOT_DOWNLINK_PROPERTY_SET = 1, /* thing/service/property/set: set `params`, answer, then report the property. */
  NBIOT_DOWNLINK_PROPERTY_GET = 2, /* thing/service/property/get: answer with the values of the names in `params`. */
  /* thing/service/SERVICE: run `service` with the input `params`, answer with its output. */
  NBIOT_DOWNLINK_SERVICE = 3,
  /* rrpc/request/ID: the same at once, or bytes of the application's own: see `answer_form`. */
  NBIOT_DOWNLINK_SYNCHRONOUS_CALL = 4,
  NBIOT_DOWNLINK_CUSTOM_CALL = 5, /* /ext/rrpc/ID/TOPIC: bytes, answered with bytes. */
  NBIOT_DOWNLINK_RAW = 6, /* thing/model/down_raw: bytes, answered with bytes. */
  NBIOT_DOWNLINK_FIRMWARE = 7, /* /ota/device/upgrade/PRODUCTKEY/DEVICENAME: the event NBIOT_FIRMWARE. */
  NBIOT_DOWNLINK_CONFIGURATION = 8, /* thing/config/push: see nbiot_read_file. */
  NBIOT_DOWNLINK_SUB_DEVICE_CONFIGURATION = 9, /* thing/model/config/push: likewise. */
  NBIOT_DOWNLINK_TOPOLOGY_ADDITION = 10, /* thing/topo/add/notify: sub-devices to add. */
  NBIOT_DOWNLINK_DISABLE = 11,
  NBIOT_DOWNLINK_ENABLE = 12,
  NBIOT_DOWNLINK_DELETE = 13,
  /* /ext/error/PRODUCTKEY/DEVICENAME: a sub-device is out, or has to log in again. */
  NBIOT_DOWNLINK_SUB_DEVICE_ERROR = 14,
  /* The reply to what `desired` asks for: `params` are the values with their versions. */
  NBIOT_DOWNLINK_DESIRED_VALUES = 15
};

/* How a request is answered. */
enum nbiot_answer_form {
  NBIOT_ANSWER_NONE = 0, /* Not at all. */
  NBIOT_ANSWER_CODE = 1, /* By nbiot_reply. */
  NBIOT_ANSWER_BYTES = 2 /* By nbiot_reply_bytes. */
};

/* What becomes of a firmware that the platform offers. It does so again at each connect until it knows that the version
 * runs: none is to be started twice. */
enum nbiot_firmware {
  /* Fetch it (nbiot_read_file), tell the progress, and say what became of it: nbiot_firmware_done, or
   * nbiot_firmware_progress with less than 0. */
  NBIOT_FIRMWARE_START = 1,
  NBIOT_FIRMWARE_RESUME = 2, /* The same: it is the one that was interrupted. */
  NBIOT_FIRMWARE_ALREADY_RUNNING = 3, /* It is being fetched. */
  NBIOT_FIRMWARE_WAITS_FOR_RESTART = 4, /* It is there, and runs after a restart. */
  NBIOT_FIRMWARE_ALREADY_INSTALLED = 5, /* It runs; the platform was told so again. */
  NBIOT_FIRMWARE_ANOTHER_RUNS = 6, /* Another one is being fetched. */
  NBIOT_FIRMWARE_REFUSED = 7 /* It cannot be fetched, or has failed three times; the platform was told so. */
};

/* How much of the platform's answer was received; in each case the platform has the report. */
enum nbiot_answer {
  NBIOT_ANSWER_WHOLE = 0,
  /* It exceeds the largest datagram accepted: `answer` is empty. */
  NBIOT_ANSWER_CUT = 1,
  /* It cannot be decrypted with the session's key. */
  NBIOT_ANSWER_UNREADABLE = 2
};

typedef struct nbiot_event {
  int kind;               /* enum nbiot_event_kind */
  int code;               /* the answer's CoAP code, class times 100 and detail: 205, 403; or 0. Over MQTT as the kind
                           * says. Over HTTPS the HTTP status, such as 200; 0 if there was no answer */
  uint64_t id;            /* the report's id, or the request's; 0 if the event is about neither */
  uint64_t sequence;      /* its last sequence number; 0 if there is none */
  uint32_t bytes_up;      /* CoAP: UDP payload sent for it */
  uint32_t bytes_down;    /* CoAP: UDP payload received for it */
  uint32_t transmissions; /* CoAP: the number of times it was sent */
  uint32_t milliseconds;  /* CoAP: from its start to its end */
  const uint8_t *answer;  /* the platform's answer, decrypted, or its reason for refusing a report or the device
                           * (RFC 7252 Section 5.5.2); over HTTPS the id that it gave a report, in its digits, or its
                           * message about a refusal; valid until the next call */
  size_t answer_count;    /* its length in bytes; 0 if there is none */
  int answer_extent;      /* enum nbiot_answer */
  uint32_t reply_code;    /* the code of the platform's reply on a topic /sys/... or /ota/...; over HTTPS the code in
                           * its answer, such as 20001; 0 for none */
  int reason;             /* enum nbiot_reason */
  uint64_t detail;        /* errno, alert or a library's number, if the reason has one; otherwise 0 */
  /* The rest over MQTT alone: the message that the event is about. All of it is valid until the next nbiot_drive. */
  int downlink;           /* enum nbiot_downlink */
  int answer_form;        /* enum nbiot_answer_form */
  uint32_t time_left;     /* milliseconds for the answer */
  const char *topic;      /* NULL if there is none */
  const char *service;    /* the identifier of the service that is called, else NULL */
  const char *fault;      /* a word for why the message was refused, else NULL */
  const uint8_t *payload; /* the message */
  size_t payload_count;
  const uint8_t *params;  /* the value of its `params`, or of `data` where that is its name; else NULL */
  size_t params_count;
} nbiot_event;

/* How the digest of a file is made. */
enum nbiot_digest_method {
  NBIOT_DIGEST_MD5 = 1,
  NBIOT_DIGEST_SHA256 = 2
};

/* A file that the platform offers; texts end with a zero byte. */
typedef struct nbiot_file {
  char version[129];     /* the firmware's version or the configuration's id; empty for sub-devices */
  char url[1025];        /* https, good for 24 hours */
  uint64_t size;         /* in bytes; 0 for sub-devices, where it is not told */
  uint8_t digest_method; /* enum nbiot_digest_method */
  uint8_t digest[32];    /* of which MD5 takes 16 */
} nbiot_file;

typedef struct nbiot_counters {
  uint64_t accepted, delivered, rejected, expired, superseded;
  uint64_t authentications, handshakes, resumptions;
  uint64_t requests, transmissions, datagrams_up, bytes_up, datagrams_down, bytes_down;
  uint64_t disk_syncs, disk_bytes;
  uint64_t given_up, dropped;
  /* Over MQTT `authentications` are connections; over MQTT and HTTPS what counts datagrams and bytes is 0. Over MQTT
   * alone: messages that came, answers and the like that were sent, and answers that found no connection for too
   * long. */
  uint64_t downlinks, answers, lost_answers;
} nbiot_counters;

/* The number of bytes that a device takes (some 13.8 KB; over MQTT 30.7 KB, and some 160 KB on the heap beside the MQTT
 * library's own; over HTTPS 7.6 KB, and on the heap what `payload_limit` says and the body under way beside libcurl's
 * own), and its alignment. */
size_t nbiot_device_size(void);
size_t nbiot_device_alignment(void);

/* Creates a device in `memory` from the contents of its state directory; nothing is sent yet. Sets `*device` to
 * the device, at `memory`. Returns an enum nbiot_code. */
int nbiot_create(void *memory, size_t size, const nbiot_config *config, nbiot_device **device);

/* Accepts a report: if it returns NBIOT_OK, the report is on disk, and `*id` (may be NULL) is its id, which is
 * never reused. `topic` NULL: the configuration's. `lifetime` is the time in seconds after which the report is
 * not worth sending, 0 for no limit; it measures elapsed time, even across a restart, whatever the clock is set
 * to. Returns an enum nbiot_code. */
int nbiot_publish(nbiot_device *device, const char *topic, const void *payload, size_t count,
                  uint32_t lifetime, uint64_t *id);

/* Like nbiot_publish, for a payload in CBOR; over MQTT and HTTPS both are the same, for no format is told there. */
int nbiot_publish_cbor(nbiot_device *device, const char *topic, const void *payload, size_t count,
                       uint32_t lifetime, uint64_t *id);

/* Performs pending work without waiting: returns 1 and sets `*event` if something happened, 0 if there are no
 * more events. Call it until it returns 0, then wait if nbiot_pending is not 0. A host name is resolved by a thread
 * of its own, which ends with the query and blocks neither this call nor nbiot_destroy; an address in digits needs
 * none. */
int nbiot_drive(nbiot_device *device, nbiot_event *event);

/* What to wait for: a descriptor that becomes readable (-1 if there is none now), and the maximum time in
 * milliseconds until the next nbiot_drive: 0 if work is pending, -1 if there is only the descriptor to wait for, as
 * after the last report. Get both before each wait: while a host name is being resolved the descriptor is that of
 * the lookup, without a time limit; later it is the socket's, which changes after a failure. Over MQTT and HTTPS it is
 * one and the same all the time. */
int nbiot_descriptor(const nbiot_device *device);
int nbiot_timeout(const nbiot_device *device);

/* The meaning of a reason (enum nbiot_reason) and what to check, in English; never NULL. */
const char *nbiot_reason_text(int reason);

/* The library's version, such as "0.9.0". */
const char *nbiot_version(void);

/* The number of reports waiting for the platform. */
size_t nbiot_pending(const nbiot_device *device);

/* The counters since nbiot_create. */
void nbiot_read_counters(const nbiot_device *device, nbiot_counters *counters);

/* What went one way for one purpose: datagrams, and bytes of which `overhead` and `headers` are parts. */
typedef struct nbiot_traffic {
  uint64_t datagrams, bytes;
} nbiot_traffic;

/* What was sent or received, by purpose. All bytes together are those of IP packets. */
typedef struct nbiot_ledger_side {
  nbiot_traffic authentication;  /* requests for a token, and their answers */
  nbiot_traffic handshake;       /* DTLS or TLS itself */
  nbiot_traffic report;          /* reports, sent for the first time */
  nbiot_traffic answer;          /* their answers */
  nbiot_traffic acknowledgement; /* acknowledgements and Resets; over MQTT all but reports */
  nbiot_traffic retransmission;  /* requests and answers sent again */
  nbiot_traffic overhead;        /* what records of DTLS or TLS add to the messages in them */
  nbiot_traffic keep_alive;      /* PINGREQ and PINGRESP of MQTT, else 0 */
  nbiot_traffic headers;         /* IP, and UDP or TCP */
} nbiot_ledger_side;

typedef struct nbiot_ledger {
  nbiot_ledger_side up, down;
} nbiot_ledger;

/* Where the bytes since nbiot_create went. Over HTTPS and MQTT the kernel counts TLS, TCP and IP, over MQTT in programs
 * with the static library; with the shared one there are packets of MQTT alone. Returns NBIOT_OK;
 * NBIOT_ARGUMENT where the library was built without ledgers, and `*ledger` is then all 0. */
int nbiot_read_ledger(const nbiot_device *device, nbiot_ledger *ledger);

/* Destroys the device and wipes its memory, which can then be used for something else; call it once. Waiting
 * reports stay on disk. Over MQTT it says goodbye first, for which it waits two seconds at most. */
void nbiot_destroy(nbiot_device *device);

/* The following five over MQTT alone: a program that calls them does not link with another archive. */

/* Answers the request `id` with a code of the device guide, 200, 400, 429, 460 or 100,000 to 110,000, and `data`, one
 * JSON object of `count` bytes; NULL is {}. Each request is answered once: another answer, a late one or one to an id
 * that never was is refused. Returns an enum nbiot_code. */
int nbiot_reply(nbiot_device *device, uint64_t id, uint32_t code, const void *data, size_t count);

/* Answers the request `id` with bytes. */
int nbiot_reply_bytes(nbiot_device *device, uint64_t id, const void *data, size_t count);

/* Reads the file that the last event offers, a firmware or a configuration; before the next nbiot_drive. */
int nbiot_read_file(nbiot_device *device, nbiot_file *file);

/* Tells the platform how far the firmware under way is: 1 to 100 per cent; or why it goes no further: -1 the upgrade,
 * -2 the download, -3 the digest, -4 the writing. `description` is a text of at most 128 bytes for people, or NULL.
 * NBIOT_NOT_CONNECTED says that the platform was not told; a failure counts all the same. */
int nbiot_firmware_progress(nbiot_device *device, int step, const char *description);

/* The firmware under way is fetched and verified, and runs after a restart; until then it is not started again. */
int nbiot_firmware_done(nbiot_device *device);

/* What an MQTT connection of a device carries (device guide 3.4): the types of the platform's own SDK for C, for
 * programs that bring an MQTT client of their own. Unverified: the guide gives no lengths; these are the SDK's. */
#define IOTX_PRODUCT_KEY_LEN 20
#define IOTX_PRODUCT_SECRET_LEN 64
#define IOTX_DEVICE_NAME_LEN 32
#define IOTX_DEVICE_SECRET_LEN 64
#define DEV_SIGN_HOSTNAME_MAXLEN 64
#define DEV_SIGN_CLIENT_ID_MAXLEN 200
#define DEV_SIGN_USERNAME_MAXLEN 64
#define DEV_SIGN_PASSWORD_MAXLEN 65

/* Where the platform is. */
typedef enum {
  IOTX_CLOUD_REGION_SHANGHAI,
  IOTX_CLOUD_REGION_SINGAPORE,
  IOTX_CLOUD_REGION_JAPAN,
  IOTX_CLOUD_REGION_USA_WEST,
  IOTX_CLOUD_REGION_GERMANY,
  IOTX_CLOUD_REGION_CUSTOM, /* a host of the caller's own: `hostname` is left empty */
  IOTX_CLOUD_DOMAIN_MAX
} iotx_mqtt_region_types_t;

/* Who the device is; each text ends with a zero byte. The product's secret is not used, and may be empty. */
typedef struct _iotx_dev_meta_info {
  char product_key[IOTX_PRODUCT_KEY_LEN + 1];
  char product_secret[IOTX_PRODUCT_SECRET_LEN + 1];
  char device_name[IOTX_DEVICE_NAME_LEN + 1];
  char device_secret[IOTX_DEVICE_SECRET_LEN + 1];
} iotx_dev_meta_info_t;

/* What CONNECT carries, and where it goes; each text ends with a zero byte. */
typedef struct {
  char hostname[DEV_SIGN_HOSTNAME_MAXLEN];
  uint16_t port;
  char clientid[DEV_SIGN_CLIENT_ID_MAXLEN];
  char username[DEV_SIGN_USERNAME_MAXLEN];
  char password[DEV_SIGN_PASSWORD_MAXLEN];
} iotx_sign_mqtt_t;

/* Signs an MQTT connection over TLS with HMAC-SHA256; the client id is PRODUCTKEY&DEVICENAME with the platform's
 * options. 0, or -1 where something is NULL, empty, without its zero byte, no name of the platform's, or no region:
 * `signout` is then all zero bytes, unless it is NULL. */
int32_t IOT_Sign_MQTT(iotx_mqtt_region_types_t region, iotx_dev_meta_info_t *meta,
                      iotx_sign_mqtt_t *signout);

#ifdef __cplusplus
}
#endif

#endif
