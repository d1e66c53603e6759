/// Why a request of the thing model cannot be made; nothing was sent.
public enum AlinkError: Error, Equatable, Sendable {
  /// The message has no room for it.
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
  /// An identifier that is no part of a topic: 1 to 64 letters, digits, `_`, `-` and `:`; or an event that
  /// would have the properties' topic.
  case identifier
  /// The topic would have more than 128 bytes.
  case topicTooLong
  /// Properties come before events, and both before sub-devices.
  case order
  /// An event post has one event.
  case secondEvent
  /// A tag's key is not 1 to 64 letters, digits and `_`, or starts with a digit (device guide 6.9).
  case tagKey
  /// A tag's value has other characters than Chinese ones, letters, digits, `_`, `-` and `.` (device
  /// guide 6.9).
  case tagValue
  /// A product key is not 1 to 64 letters and digits.
  case productKey
  /// A device name breaks the rule of code 6280 (device guide 6.3).
  case deviceName
  /// A firmware's version or description is empty or longer than 128 bytes.
  case version
  /// A progress that is neither 1 to 100 percent nor -1 to -4 (device guide 6.11).
  case progress
  /// A name comes twice: an object has each once.
  case repeated
  /// A gateway adds or registers itself as its sub-device (device guide 6.2 and 6.3, code 6402).
  case ownSubDevice
  /// It would make the batch longer than its limit: send the batch first.
  case batchFull
  /// What it is to be made of is no JSON object.
  case unreadable
}
