// SPDX-License-Identifier: Apache-2.0
/// Why a thing-model request cannot be created; nothing was sent.
public enum AlinkError: Error, Equatable, Sendable {
  /// The request does not fit into the message.
  case capacity
  /// The request needs at least one member.
  case empty
  /// More than 200 properties (device guide 6.5, code 6106).
  case tooManyProperties
  /// More than 20 events (device guide 6.5).
  case tooManyEvents
  /// More than 20 sub-devices (device guide 6.5).
  case tooManySubDevices
  /// More than 200 tags (device guide 6.9).
  case tooManyTags
  /// An identifier that cannot be part of a topic (1 to 64 letters, digits, `_`, `-` and `:`), or
  /// an event identifier that would give the properties' topic.
  case identifier
  /// The topic would have more than 128 bytes.
  case topicTooLong
  /// Wrong order: properties must precede events, and both must precede sub-devices.
  case order
  /// A second event: an event post has only one.
  case secondEvent
  /// A tag's key is not 1 to 64 letters, digits and `_`, or starts with a digit (device guide 6.9).
  case tagKey
  /// A tag's value has characters other than Chinese ones, letters, digits, `_`, `-` and `.`
  /// (device guide 6.9).
  case tagValue
  /// A product key is not 1 to 64 letters and digits.
  case productKey
  /// A device name breaks the rule of code 6280 (device guide 6.3).
  case deviceName
  /// A firmware's version or description is empty or longer than 128 bytes.
  case version
  /// A progress that is neither 1 to 100 percent nor -1 to -4 (device guide 6.11).
  case progress
  /// A duplicate name in an object.
  case repeated
  /// A gateway adds or registers itself as its sub-device (device guide 6.2 and 6.3, code 6402).
  case ownSubDevice
  /// The batch would exceed its limit: send it first.
  case batchFull
  /// What it is to be made of is no JSON object.
  case unreadable
}
