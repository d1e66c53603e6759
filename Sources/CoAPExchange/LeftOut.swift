// SPDX-License-Identifier: Apache-2.0
// What a program built with SMALL does without, as packaging/build-agent.sh builds those for devices: the
// platform asks for neither, and each is code that nothing would ever call.

/// Whether to answer a server's Echo challenge (RFC 9175).
///
/// Without it, the 4.01 with the challenge is an ordinary response, as for every client that does
/// not support the elective option.
var answersEcho: Bool {
  #if SMALL
  false
  #else
  true
  #endif
}

/// Whether requests may ask for observation (RFC 7641) or for no answer (RFC 7967).
///
/// In the programs for devices all requests are confirmable and wait for one answer.
var observes: Bool {
  #if DEVICE_ONLY
  false
  #else
  true
  #endif
}

/// Whether the retransmission timeout can follow the round trips; without it `isAdaptive` has no effect.
var knowsRoundTrips: Bool {
  #if SMALL
  false
  #else
  true
  #endif
}
