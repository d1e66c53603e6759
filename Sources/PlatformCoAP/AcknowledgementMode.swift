// SPDX-License-Identifier: Apache-2.0
/// How the platform answers reports: the field `ackMode` of `/auth` (device guide 3.6).
public enum AcknowledgementMode: UInt8, Sendable {
  /// 0: a piggybacked response, the platform's default.
  case piggybacked = 0
  /// 1: an empty acknowledgement, then a separate response.
  case separate = 1
}
