/* A device on the Alibaba Cloud IoT platform, over CoAP, for programs in C.
 *
 * A report that `nbiot_publish` has taken is on disk, and stays there until the platform has taken it,
 * over restarts and power cuts too. Token, sequence numbers and DTLS session survive as well, so that a
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
 * The memory is the caller's and must not move. A device is used by one thread at a time; different
 * devices may be used by different threads. Nothing here keeps a pointer that it is given, but for the
 * memory; texts end with a zero byte. After the first report nothing is allocated.
 *
 * The secret lies in the process's memory. A program that is not to leave it in a core file, nor to another
 * process of its user, calls prctl(PR_SET_DUMPABLE, 0) and setrlimit(RLIMIT_CORE) with 0 before it reads the
 * secret; the library does not, for it is not its process. A program that reads the secret or the certificates
 * from files opens regular files only (O_NONBLOCK and fstat), as nbiot-agent does.
 *
 * Link with libnbiot-device.a, libssl, libcrypto and libcbor.
 */
#ifndef NBIOT_DEVICE_H
#define NBIOT_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A device; its memory is the caller's, its contents are not. */
typedef struct nbiot_device nbiot_device;

/* What a call that takes no more than it can do answers. */
enum nbiot_code {
  NBIOT_OK = 0,
  /* A member of the configuration, or an argument, is missing or not what it must be; so are CA certificates
   * that cannot be read. */
  NBIOT_ARGUMENT = -1,
  /* The memory is too small or not aligned. */
  NBIOT_MEMORY = -2,
  /* The state directory cannot be opened or written: errno says why. */
  NBIOT_DISK = -3,
  /* Another process uses the state directory, as a second of waiting has shown. */
  NBIOT_IN_USE = -4,
  /* The outbox is full: drive the device, then try again. */
  NBIOT_FULL = -5,
  /* The payload has more than 1,024 bytes. */
  NBIOT_TOO_LONG = -6,
  /* OpenSSL refused, for example because there is no memory. */
  NBIOT_SECURITY = -7
};

/* How messages are protected. */
enum nbiot_security {
  /* AES with a key made of the device secret, port 5682. */
  NBIOT_SYMMETRIC = 0,
  /* DTLS 1.2, port 5684; the platform proves itself with a certificate of `ca_pem`. */
  NBIOT_DTLS_CERTIFICATE = 1,
  /* DTLS 1.2, port 5684; both ends prove themselves with a key made of the device secret. */
  NBIOT_DTLS_KEY = 2
};

/* How patiently a message is sent again. */
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

/* What a device is made of; set all to zero first. Members that may be NULL or 0 say so. White space and byte
 * order marks at the ends of texts do not count: files and consoles leave them there. */
typedef struct nbiot_config {
  const char *product_key;     /* 1 to 64 letters and digits */
  const char *device_name;     /* 4 to 32 of A-Z a-z 0-9 _ @ . : - */
  const char *client_id;       /* NULL: PRODUCTKEY&DEVICENAME */
  const char *device_secret;   /* 1 to 128 bytes; copied, and wiped at the end */
  const char *state_directory; /* a directory of this device's own; made when it is not there */
  const char *host;            /* a name or an address in digits, also HOST:PORT, [ADDRESS]:PORT or a URI of
                                * CoAP whose scheme, coap or coaps, is that of `security`; NULL: the platform's
                                * own */
  uint16_t port;               /* 0: the one in `host`, else 5682 or 5684 */
  uint8_t security;            /* enum nbiot_security */
  uint8_t timing;              /* enum nbiot_timing */
  const char *ca_pem;          /* with NBIOT_DTLS_CERTIFICATE: the authorities, in PEM */
  const char *server_name;     /* the name in the platform's certificate; NULL: the host */
  const char *topic;           /* where reports go that name no topic; may be NULL */
  uint32_t outbox_bytes;       /* the most that waits, 16 MB or less; 0: 65,536 */
  uint32_t token_lifetime;     /* seconds; 0: 604,800 (7 days) */
  /* Called right before each datagram, with what is known of the radio's next seconds: 0 nothing is
   * expected and nothing is to be sent, 1 one answer is expected and then nothing, 2 more is to be
   * sent. May be NULL. It must not call the device. */
  void (*radio_hint)(int hint, void *context);
  void *context;
  uint8_t allow_common_name;   /* 1: the name may stand only in the certificate's common name, which RFC 9525
                                * forbids and an old platform may need */
  uint32_t max_attempts; /* a report that was sent so often and not taken is given up, 255 at most; 0: never */
  uint32_t max_age;      /* seconds after which a report that was not taken is given up; 0: never */
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
  /* Of the link. */
  NBIOT_REASON_UNKNOWN_HOST = 8,
  NBIOT_REASON_PORT_UNREACHABLE = 9,
  NBIOT_REASON_UNREACHABLE = 10,
  NBIOT_REASON_NO_SOCKET = 11,
  /* Of the DTLS handshake; one that nothing answers is NBIOT_REASON_TIMED_OUT. */
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
  NBIOT_REASON_HANDSHAKE = 28
};

/* What happened. */
enum nbiot_event_kind {
  /* The platform has taken the report. */
  NBIOT_DELIVERED = 1,
  /* The platform will never take it; `code` says why, or `reply_code` where `code` is 205. It is not kept any
   * longer. */
  NBIOT_REJECTED = 2,
  /* It was not taken for now and is sent again later; `code` is 0 where no answer came. */
  NBIOT_POSTPONED = 3,
  /* The device has a token. */
  NBIOT_AUTHENTICATED = 4,
  /* It has none: `code` is the platform's answer, 0 where none came. */
  NBIOT_AUTHENTICATION_FAILED = 5,
  /* The disk cannot be written; nothing is sent until it can. */
  NBIOT_DISK_REFUSES = 6,
  /* There is no network, or nobody listens there; tried again later. */
  NBIOT_NO_LINK = 7,
  /* The report was sent `max_attempts` times and is not kept any longer; `code` is the last answer's. */
  NBIOT_GIVEN_UP = 8,
  /* It has waited for longer than `max_age`, and is not kept any longer. */
  NBIOT_TOO_OLD = 9,
  /* Its lifetime is over; it is not kept any longer. */
  NBIOT_EXPIRED = 10,
  /* It has made room for another one, or a later one has taken its place: neither comes about by this
   * interface, but it may in a directory that nbiot-agent has used. */
  NBIOT_DROPPED = 11,
  NBIOT_SUPERSEDED = 12
};

/* How much of the platform's answer came; it has the report all the same. */
enum nbiot_answer {
  NBIOT_ANSWER_WHOLE = 0,
  /* It is longer than a datagram is taken: `answer` has nothing of it. */
  NBIOT_ANSWER_CUT = 1,
  /* It does not open with the session's key. */
  NBIOT_ANSWER_UNREADABLE = 2
};

typedef struct nbiot_event {
  int kind;               /* enum nbiot_event_kind */
  int code;               /* the answer's CoAP code, class times 100 and detail: 205, 403; or 0 */
  uint64_t id;            /* which report; 0 where it is about none */
  uint64_t sequence;      /* its last sequence number; 0 where there is none */
  uint32_t bytes_up;      /* UDP payload sent for it */
  uint32_t bytes_down;    /* UDP payload received for it */
  uint32_t transmissions; /* how often it was sent */
  uint32_t milliseconds;  /* from its start to its end */
  const uint8_t *answer;  /* the platform's answer, decrypted, or what it says of why it refused a report or the
                           * device (RFC 7252 Section 5.5.2); there until the next call */
  size_t answer_count;    /* its bytes; 0 where there is none */
  int answer_extent;      /* enum nbiot_answer */
  uint32_t reply_code;    /* the code of the platform's reply on a topic /sys/... or /ota/...; 0 for none */
  int reason;             /* enum nbiot_reason */
  uint64_t detail;        /* errno, alert or OpenSSL's number, where the reason has one; else 0 */
} nbiot_event;

typedef struct nbiot_counters {
  uint64_t accepted, delivered, rejected, expired, superseded;
  uint64_t authentications, handshakes, resumptions;
  uint64_t requests, transmissions, datagrams_up, bytes_up, datagrams_down, bytes_down;
  uint64_t disk_syncs, disk_bytes;
  uint64_t given_up, dropped;
} nbiot_counters;

/* How many bytes a device takes (some 14.5 KB), and at which multiples it may lie. */
size_t nbiot_device_size(void);
size_t nbiot_device_alignment(void);

/* Makes a device in `memory`, with what its state directory holds: nothing is sent yet. `*device` is then
 * the device, at `memory`. enum nbiot_code. */
int nbiot_create(void *memory, size_t size, const nbiot_config *config, nbiot_device **device);

/* Takes a report: when it answers NBIOT_OK the disk has it, and `*id` (may be NULL) is its number, given
 * only once. `topic` NULL: the configuration's. `lifetime` in seconds, 0 for ever: after it the report is
 * not worth sending. It counts the time that passes, also over a restart, whatever the clock is set to. enum nbiot_code. */
int nbiot_publish(nbiot_device *device, const char *topic, const void *payload, size_t count,
                  uint32_t lifetime, uint64_t *id);

/* Like nbiot_publish, for a payload in CBOR. */
int nbiot_publish_cbor(nbiot_device *device, const char *topic, const void *payload, size_t count,
                       uint32_t lifetime, uint64_t *id);

/* Does what is due, without waiting: 1 and `*event` when something happened, 0 when nothing more did. Call
 * it until it answers 0, then wait if nbiot_pending is not 0. A host's name is looked up by a thread of its own, which
 * ends with the query and holds up neither this call nor nbiot_destroy; an address in digits needs none. */
int nbiot_drive(nbiot_device *device, nbiot_event *event);

/* What to wait for: a descriptor that becomes readable (-1 when there is none now), and the most
 * milliseconds until the next nbiot_drive: 0 when something is due, -1 when nothing is waited for but the
 * descriptor, as after the last report. Ask for both before each wait: while a host's name is being looked up the
 * descriptor is that of the lookup, without a limit, and then the socket's, which is another one after a failure. */
int nbiot_descriptor(const nbiot_device *device);
int nbiot_timeout(const nbiot_device *device);

/* What a reason (enum nbiot_reason) means and what to check, in English; never NULL. */
const char *nbiot_reason_text(int reason);

/* How many reports wait for the platform. */
size_t nbiot_pending(const nbiot_device *device);

/* What has happened since nbiot_create. */
void nbiot_read_counters(const nbiot_device *device, nbiot_counters *counters);

/* Ends the device, once, and wipes its memory, which can then be used for something else. What waits stays
 * on disk. */
void nbiot_destroy(nbiot_device *device);

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
