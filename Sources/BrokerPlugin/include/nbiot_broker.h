// SPDX-License-Identifier: Apache-2.0
// The plugin of `nbiot simulate` for mosquitto, and how it talks to the simulator.
//
// Over a Unix stream socket, both ways, go frames: 4 bytes length of what follows, 1 byte kind, then the
// fields of that kind. Numbers are big-endian; a text is 4 bytes length and its bytes. The plugin sends one
// request and waits for its answer; orders may come before the answer, or at any other time.
#ifndef NBIOT_BROKER_H
#define NBIOT_BROKER_H

// The longest frame, without its length: a payload of 256 KB and its topic.
#define NBIOT_FRAME_LIMIT (512u * 1024u)

enum nbiot_frame_kind {
  // From the plugin. Once: u8 whether mosquitto's own functions were found.
  NBIOT_HELLO = 0x01,
  // Once, when mosquitto listens.
  NBIOT_READY = 0x02,
  // Request: u64 connection, u8 protocol version, u8 flags, u16 keep-alive, client id, user name, password,
  // address, topic of the will.
  NBIOT_CONNECT = 0x03,
  // Request: u64 connection, u8 QoS, u8 whether it is to be retained, topic, payload.
  NBIOT_PUBLISH = 0x04,
  // Request: u64 connection, u8 QoS, topic filter.
  NBIOT_SUBSCRIBE = 0x05,
  // u64 connection, topic filter.
  NBIOT_UNSUBSCRIBE = 0x06,
  // u64 connection.
  NBIOT_DISCONNECT = 0x07,

  // To the plugin. u8 verdict, u8 code of the CONNACK, the connection's id.
  NBIOT_ANSWER = 0x81,
  // Order: id, u8 QoS, topic, payload.
  NBIOT_DELIVER = 0x82,
  // Order: id, of a connection that is to be closed.
  NBIOT_CLOSE = 0x83,
};

enum nbiot_flag {
  NBIOT_WEBSOCKET = 1,
  NBIOT_CLEAN_SESSION = 2,
  NBIOT_USER_NAME = 4,
  NBIOT_PASSWORD = 8,
  NBIOT_WILL = 16,
};

enum nbiot_verdict {
  // Connect and subscribe; a PUBLISH is acknowledged where its QoS wants that.
  NBIOT_ACCEPT = 0,
  // CONNACK with the code, SUBACK 0x80.
  NBIOT_REFUSE = 1,
  // The connection is closed, without an answer.
  NBIOT_HANG_UP = 2,
};

#endif
