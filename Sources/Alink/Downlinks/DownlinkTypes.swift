// SPDX-License-Identifier: Apache-2.0
/// What the platform has last said of a device (device guide 6.8).
public enum DeviceStanding: Sendable {
  /// It may be used; also where nothing was said.
  case enabled
  /// `thing.disable`.
  case disabled
  /// `thing.delete`.
  case deleted
}

/// A request that was not answered within its time.
public struct ExpiredDownlink: Sendable {
  /// Its number.
  public let number: UInt32
  /// Its kind.
  public let kind: DownlinkKind
  /// What is to be sent for it; `nil` where nobody waits for it any more, or where it would have to be bytes.
  public let answer: DownlinkAnswer?
}

/// Why an answer is not sent; the request is as open as it was.
public enum DownlinkAnswerError: Error, Equatable, Sendable {
  /// No request has had that number, or none that an answer is due to.
  case unknown
  /// It has been answered, or was over so long ago that it is forgotten.
  case answered
  /// Its time is over; what was due for it has been sent.
  case late
  /// The data is not one JSON object.
  case notAnObject
  /// The name at this place of the data, in bytes, comes twice in its object.
  case nameTwice(offset: Int)
  /// Bytes to a request of the thing model, or a code to bytes.
  case form
  /// The outputs have no room.
  case capacity
}
