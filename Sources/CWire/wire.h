// SPDX-License-Identifier: Apache-2.0
// What TCP carries over the sockets of one owner, as the kernel counts it (TCP_INFO): payload, what was sent again, and
// the headers of TCP and IP.
#ifndef NBIOT_WIRE_H
#define NBIOT_WIRE_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// The kernel's `struct tcp_info` of linux/tcp.h, as far as Linux 5.4 has it: the C library's ends before the bytes, and
// both headers cannot be read together.
struct nbiot_tcp_info {
  uint8_t state, congestion, retransmits, probes, backoff, options, scales, flags;
  uint32_t times[2], sizes[2], flight[5], last[4], path[8], receiver[2];
  uint32_t total_retransmissions;
  uint64_t rates[2], bytes_acknowledged, bytes_received;
  uint32_t segments_out, segments_in, unsent, least_round_trip, data_segments_in, data_segments_out;
  uint64_t delivery[4];
  uint32_t delivered[2];
  uint64_t bytes_sent, bytes_sent_again;
  uint32_t duplicates_told, reorderings, out_of_order, window;
};

enum { nbiot_tcp_syn_sent = 2, nbiot_tcp_closed = 7, nbiot_tcp_close_wait = 8, nbiot_tcp_last_ack = 9 };

// Sums over connections. Payload is that of TCP sent for the first time, or received in order.
struct nbiot_wire_counts {
  uint64_t handshakes, handshake_up, handshake_down, payload_up, payload_down;
  uint64_t segments_again, payload_again, headers_up, headers_down;
  // Connections of which nothing above is known.
  uint64_t missed;
};

struct nbiot_wire_socket {
  int descriptor, is_ending, has_ended, is_connected, is_shaken;
  // How often the SYN was sent again.
  uint32_t repeated;
  // What was read of it since its owner has closed it.
  uint32_t drained;
  int64_t ending_since;
  uint64_t handshake_up, handshake_down;
};

// Filled by the channel whose sockets they are; read on any thread.
struct nbiot_wire {
  pthread_mutex_t lock;
  struct nbiot_wire_counts ended;
  // One connection and one that ends, and two addresses that are tried at a time.
  struct nbiot_wire_socket sockets[4];
};

static inline struct nbiot_wire *nbiot_wire_make(void) {
  struct nbiot_wire *wire = (struct nbiot_wire *)calloc(1, sizeof *wire);
  if (!wire) return NULL;
  pthread_mutex_init(&wire->lock, NULL);
  for (int index = 0; index < 4; index++) wire->sockets[index].descriptor = -1;
  return wire;
}

static inline int nbiot_wire_info(int descriptor, struct nbiot_tcp_info *info) {
  socklen_t length = sizeof *info;
  memset(info, 0, sizeof *info);
  return getsockopt(descriptor, IPPROTO_TCP, 11 /* TCP_INFO */, info, &length) == 0 && length >= sizeof *info;
}

// Whether all that was sent is acknowledged, the FIN too: it and the SYN count as a byte each.
static inline int nbiot_wire_is_over(const struct nbiot_tcp_info *info) {
  return info->bytes_acknowledged >= info->bytes_sent - info->bytes_sent_again + 2;
}

// Adds what one socket has carried until now.
//
// A SYN of Linux has 20 bytes of options, the answer to it those that both sides know; every other segment has 12 where
// there are timestamps (RFC 7323). A segment that came out of order was acknowledged with one block of SACK (RFC 2018),
// and one that the peer had twice was told of with one (RFC 2883): 12 bytes.
static inline void nbiot_wire_add(struct nbiot_wire_counts *counts, struct nbiot_wire_socket *one) {
  struct nbiot_tcp_info info;
  uint64_t ip, segment, syns, received;
  int domain = 0;
  socklen_t length = sizeof domain;
  if (!nbiot_wire_info(one->descriptor, &info)) return;
  getsockopt(one->descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &length);
  ip = domain == AF_INET6 ? 40 : 20;
  segment = ip + 20 + (info.options & 1 ? 12 : 0);
  if (!one->is_connected) {
    counts->headers_up += info.segments_out * (ip + 40);
    counts->headers_down += info.segments_in * (ip + 20);
    return;
  }
  syns = 1 + one->repeated;
  counts->headers_up += info.segments_out * segment + syns * (ip + 40 - segment);
  counts->headers_down += info.segments_in * segment +
      (ip + 24 + (info.options & 1 ? 12 : info.options & 2 ? 4 : 0) + (info.options & 4 ? 4 : 0) - segment);
  if (info.options & 2) {
    counts->headers_up += 12 * (uint64_t)info.out_of_order;
    counts->headers_down += 12 * (uint64_t)info.duplicates_told;
  }
  counts->segments_again += info.total_retransmissions - one->repeated;
  counts->payload_again += info.bytes_sent_again;
  counts->payload_up += info.bytes_sent - info.bytes_sent_again;
  // A peer that has closed answers what comes after its FIN with a RST, which has no options and ends the socket.
  if (one->has_ended && info.state == nbiot_tcp_closed && !nbiot_wire_is_over(&info))
    counts->headers_down -= segment - (ip + 20);
  // The kernel counts a FIN as a byte.
  received = info.bytes_received - (one->has_ended && info.bytes_received > 0);
  counts->payload_down += received;
  counts->handshakes += one->is_shaken && one->handshake_up + one->handshake_down > 0;
  counts->handshake_up += one->is_shaken ? one->handshake_up : info.bytes_sent - info.bytes_sent_again;
  counts->handshake_down += one->is_shaken ? one->handshake_down : received;
}

static inline int64_t nbiot_wire_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

// The last look at a socket.
static inline void nbiot_wire_finish(struct nbiot_wire *wire, struct nbiot_wire_socket *one) {
  nbiot_wire_add(&wire->ended, one);
  close(one->descriptor);
  one->descriptor = -1;
}

// Notes that the peer's FIN has come; reads what nobody wants any more from a socket that ends.
//
// Of a socket that is closed nothing can be read either where a RST has ended it.
static inline void nbiot_wire_look(struct nbiot_wire_socket *one) {
  char bytes[4096];
  ssize_t count = 1;
  struct nbiot_tcp_info info;
  if (one->has_ended) return;
  for (int turn = 0; turn < 64 && count > 0 && one->is_ending; turn++) {
    count = recv(one->descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0) one->drained += (uint32_t)count;
  }
  if (!nbiot_wire_info(one->descriptor, &info)) return;
  if (info.state == nbiot_tcp_close_wait || info.state == nbiot_tcp_last_ack ||
      (count == 0 && (info.state != nbiot_tcp_closed || nbiot_wire_is_over(&info))))
    one->has_ended = 1;
}

// Lets go of sockets whose connection is over, or has been ending for 10 s, and of one over which the peer goes on to
// send: it learns from a RST that nobody reads.
static inline void nbiot_wire_settle(struct nbiot_wire *wire) {
  for (int index = 0; index < 4; index++) {
    struct nbiot_wire_socket *one = &wire->sockets[index];
    struct nbiot_tcp_info info;
    if (one->descriptor < 0) continue;
    nbiot_wire_look(one);
    if (!one->is_ending) continue;
    if (!nbiot_wire_info(one->descriptor, &info) || info.state == nbiot_tcp_closed ||
        nbiot_wire_now() - one->ending_since > 10 || one->drained > 65536)
      nbiot_wire_finish(wire, one);
  }
}

// Frees it with the sockets that are still ending.
static inline void nbiot_wire_end(struct nbiot_wire *wire) {
  for (int index = 0; index < 4; index++)
    if (wire->sockets[index].descriptor >= 0) close(wire->sockets[index].descriptor);
  pthread_mutex_destroy(&wire->lock);
  free(wire);
}

// Counts a new socket; one that finds no place takes that of one that ends, or is not counted. Whether it is.
static inline int nbiot_wire_take(struct nbiot_wire *wire, int descriptor) {
  struct nbiot_wire_socket *place = NULL;
  pthread_mutex_lock(&wire->lock);
  nbiot_wire_settle(wire);
  for (int index = 0; index < 4 && (!place || place->descriptor >= 0); index++) {
    struct nbiot_wire_socket *one = &wire->sockets[index];
    if (one->descriptor < 0 || one->is_ending) place = one;
  }
  if (place) {
    if (place->descriptor >= 0) nbiot_wire_finish(wire, place);
    memset(place, 0, sizeof *place);
    place->descriptor = descriptor;
  }
  pthread_mutex_unlock(&wire->lock);
  return place != NULL;
}

// Notes that a connection is not counted.
static inline void nbiot_wire_miss(struct nbiot_wire *wire) {
  pthread_mutex_lock(&wire->lock);
  wire->ended.missed++;
  pthread_mutex_unlock(&wire->lock);
}

// Notes, when it may have just come about, that a socket is connected.
static inline void nbiot_wire_watch(struct nbiot_wire *wire, int descriptor) {
  struct nbiot_tcp_info info;
  pthread_mutex_lock(&wire->lock);
  for (int index = 0; index < 4; index++) {
    struct nbiot_wire_socket *one = &wire->sockets[index];
    if (one->descriptor != descriptor || one->is_connected || one->is_ending) continue;
    if (!nbiot_wire_info(descriptor, &info) || info.state == nbiot_tcp_syn_sent ||
        info.state == nbiot_tcp_closed)
      continue;
    one->is_connected = 1;
    one->repeated = info.total_retransmissions;
    // Where something was sent already it was one segment, and what was sent of it again is no SYN.
    if (info.bytes_sent > info.bytes_sent_again && info.bytes_sent_again > 0) {
      uint64_t segment = info.bytes_sent - info.bytes_sent_again;
      uint64_t again = (info.bytes_sent_again + segment - 1) / segment;
      one->repeated -= again < one->repeated ? (uint32_t)again : one->repeated;
    }
  }
  pthread_mutex_unlock(&wire->lock);
}

// The first request is about to be sent from that port: what was carried so far is the handshake.
static inline void nbiot_wire_shake(struct nbiot_wire *wire, int port) {
  struct nbiot_tcp_info info;
  pthread_mutex_lock(&wire->lock);
  for (int index = 0; index < 4; index++) {
    struct nbiot_wire_socket *one = &wire->sockets[index];
    union {
      struct sockaddr_in four;
      struct sockaddr_in6 six;
    } address = {{0}};
    socklen_t length = sizeof address;
    if (one->descriptor < 0 || one->is_ending || one->is_shaken) continue;
    // Both have the port at the same place.
    if (getsockname(one->descriptor, (struct sockaddr *)&address, &length) || ntohs(address.four.sin_port) != port)
      continue;
    if (!nbiot_wire_info(one->descriptor, &info)) continue;
    one->is_shaken = 1;
    one->handshake_up = info.bytes_sent - info.bytes_sent_again;
    one->handshake_down = info.bytes_received;
  }
  pthread_mutex_unlock(&wire->lock);
}

// Notes for the one socket of that number what it has carried so far: the handshake, unless more of it comes.
static inline void nbiot_wire_mark(struct nbiot_wire *wire, int descriptor) {
  struct nbiot_tcp_info info;
  pthread_mutex_lock(&wire->lock);
  for (int index = 0; index < 4; index++) {
    struct nbiot_wire_socket *one = &wire->sockets[index];
    if (one->descriptor != descriptor || one->is_ending || one->is_shaken) continue;
    if (!nbiot_wire_info(descriptor, &info)) continue;
    one->handshake_up = info.bytes_sent - info.bytes_sent_again;
    one->handshake_down = info.bytes_received;
  }
  pthread_mutex_unlock(&wire->lock);
}

// The first packet went out over that socket: the handshake is what was marked last, nothing without a mark.
static inline void nbiot_wire_keep_mark(struct nbiot_wire *wire, int descriptor) {
  pthread_mutex_lock(&wire->lock);
  for (int index = 0; index < 4; index++)
    if (wire->sockets[index].descriptor == descriptor && !wire->sockets[index].is_ending)
      wire->sockets[index].is_shaken = 1;
  pthread_mutex_unlock(&wire->lock);
}

// Ends a connection in place of `close`: the socket is kept until both sides have said so, for the segments of that.
static inline int nbiot_wire_close(struct nbiot_wire *wire, int descriptor) {
  struct nbiot_wire_socket *found = NULL;
  pthread_mutex_lock(&wire->lock);
  for (int index = 0; index < 4; index++)
    if (wire->sockets[index].descriptor == descriptor && !wire->sockets[index].is_ending)
      found = &wire->sockets[index];
  if (found) {
    nbiot_wire_look(found);
    if (!found->is_connected) {
      nbiot_wire_finish(wire, found);
    } else {
      // Fails where the owner has done so, and the connection is over: it is looked at below all the same.
      shutdown(descriptor, SHUT_WR);
      found->is_ending = 1;
      found->ending_since = nbiot_wire_now();
    }
  }
  nbiot_wire_settle(wire);
  pthread_mutex_unlock(&wire->lock);
  return found ? 0 : close(descriptor);
}

// Looks at a socket whose owner has closed it, or is about to: a peer's RST would hide its FIN later.
static inline void nbiot_wire_glance(struct nbiot_wire *wire, int descriptor) {
  pthread_mutex_lock(&wire->lock);
  for (int index = 0; index < 4; index++)
    if (wire->sockets[index].descriptor == descriptor) nbiot_wire_look(&wire->sockets[index]);
  pthread_mutex_unlock(&wire->lock);
}

// Lets go of all sockets that end.
static inline void nbiot_wire_cut(struct nbiot_wire *wire) {
  pthread_mutex_lock(&wire->lock);
  nbiot_wire_settle(wire);
  for (int index = 0; index < 4; index++)
    if (wire->sockets[index].descriptor >= 0 && wire->sockets[index].is_ending)
      nbiot_wire_finish(wire, &wire->sockets[index]);
  pthread_mutex_unlock(&wire->lock);
}

// How many sockets there are, those that end among them.
static inline int nbiot_wire_sockets(struct nbiot_wire *wire) {
  int count = 0;
  pthread_mutex_lock(&wire->lock);
  nbiot_wire_settle(wire);
  for (int index = 0; index < 4; index++) count += wire->sockets[index].descriptor >= 0;
  pthread_mutex_unlock(&wire->lock);
  return count;
}

// Counts a socket by another descriptor of it, which is closed in a program that is started; -1 where there is none, or
// no place.
static inline int nbiot_wire_follow(struct nbiot_wire *wire, int descriptor) {
  int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  if (copy < 0 || nbiot_wire_take(wire, copy)) return copy;
  close(copy);
  return -1;
}

// What all connections come to, and whether none is ending any more.
static inline int nbiot_wire_read(struct nbiot_wire *wire, struct nbiot_wire_counts *counts) {
  int is_over = 1;
  pthread_mutex_lock(&wire->lock);
  nbiot_wire_settle(wire);
  *counts = wire->ended;
  for (int index = 0; index < 4; index++) {
    if (wire->sockets[index].descriptor < 0) continue;
    nbiot_wire_add(counts, &wire->sockets[index]);
    if (wire->sockets[index].is_ending) is_over = 0;
  }
  pthread_mutex_unlock(&wire->lock);
  return is_over;
}

#endif
