// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CDevice
internal import ConstrainedCore
internal import DeviceDownlinks
internal import DeviceDriver
internal import DurableReports
internal import MQTTChannel
internal import MQTTLink
internal import OpenSSLSupport
internal import ReportLink

/// The message of the platform that the last event is about; its payload is the link's.
struct CurrentMessage {
  /// What it is; `nil` where the event is about none, or where it was not understood.
  var kind: DownlinkKind?
  /// The message that was checked; `nil` for one that was refused or dropped.
  var downlink: Downlink?
  /// Whether there is a payload.
  var hasPayload = false
  /// How long the answer may take.
  var timeLeft: UInt32 = 0
  /// Why it was refused or dropped.
  var fault: StaticString?
  /// Topic and service, each with a zero byte behind it; empty ones are not told.
  private var topic = InlineArray<161, UInt8>(repeating: 0)
  private var service = InlineArray<65, UInt8>(repeating: 0)

  /// Keeps a topic, or a filter.
  mutating func setTopic(_ text: Span<UInt8>) {
    var writer = ByteWriter(topic.mutableSpan)
    // A topic of 128 bytes at most, and a filter of 160; a longer one was dropped, and is cut.
    try? writer.append(text.extracting(first: 160))
  }

  /// Keeps the name of a service.
  mutating func setService(_ text: Span<UInt8>) {
    var writer = ByteWriter(service.mutableSpan)
    try? writer.append(text.extracting(first: 64))
  }
}

extension HeldDevice {
  /// Adds what the last event has of a message to its C form.
  func describe(_ event: inout nbiot_event) {
    unsafe event.downlink = Int32((message.kind?.number ?? NBIOT_DOWNLINK_NONE).rawValue)
    unsafe event.answer_form = Int32(answerForm.rawValue)
    unsafe event.time_left = message.timeLeft
    if let fault = message.fault {
      // SAFETY: a StaticString's bytes live as long as the program and end with a zero byte.
      unsafe event.fault = UnsafeRawPointer(fault.utf8Start).assumingMemoryBound(to: CChar.self)
    }
    // SAFETY: texts lie in the caller's memory, which does not move, the payload lies in the link's; both stay until
    // the next event is asked for.
    unsafe event.topic = message.topicText
    unsafe event.service = message.serviceText
    guard message.hasPayload else { return }
    let payload = driver.reports.downlinkPayload
    unsafe payload.withUnsafeBufferPointer {
      unsafe event.payload = $0.baseAddress
      unsafe event.payload_count = $0.count
    }
    guard let downlink = message.downlink, !downlink.contents.isEmpty, !downlink.isBytes else {
      return
    }
    unsafe payload.extracting(downlink.contents).withUnsafeBufferPointer {
      unsafe event.params = $0.baseAddress
      unsafe event.params_count = $0.count
    }
  }

  private var answerForm: nbiot_answer_form {
    guard let downlink = message.downlink, downlink.number > 0 else { return NBIOT_ANSWER_NONE }
    return downlink.isBytes ? NBIOT_ANSWER_BYTES : NBIOT_ANSWER_CODE
  }
}

extension CurrentMessage {
  /// The topic as C has it; `nil` for none.
  fileprivate var topicText: UnsafePointer<CChar>? {
    @_addressableSelf
    get { unsafe Self.text(topic.span) }
  }

  /// The service as C has it; `nil` for none.
  fileprivate var serviceText: UnsafePointer<CChar>? {
    @_addressableSelf
    get { unsafe Self.text(service.span) }
  }

  private static func text(_ bytes: Span<UInt8>) -> UnsafePointer<CChar>? {
    if bytes[0] == 0 { return nil }
    return unsafe bytes.withUnsafeBufferPointer {
      unsafe UnsafeRawPointer($0.baseAddress)?.assumingMemoryBound(to: CChar.self)
    }
  }
}

extension DownlinkKind {
  /// The number in C.
  var number: nbiot_downlink {
    switch self {
    case .propertySet: NBIOT_DOWNLINK_PROPERTY_SET
    case .propertyGet: NBIOT_DOWNLINK_PROPERTY_GET
    case .service: NBIOT_DOWNLINK_SERVICE
    case .synchronousCall: NBIOT_DOWNLINK_SYNCHRONOUS_CALL
    case .customCall: NBIOT_DOWNLINK_CUSTOM_CALL
    case .rawDown: NBIOT_DOWNLINK_RAW
    case .firmware: NBIOT_DOWNLINK_FIRMWARE
    case .configuration: NBIOT_DOWNLINK_CONFIGURATION
    case .subDeviceConfiguration: NBIOT_DOWNLINK_SUB_DEVICE_CONFIGURATION
    case .topologyAddition: NBIOT_DOWNLINK_TOPOLOGY_ADDITION
    case .disable: NBIOT_DOWNLINK_DISABLE
    case .enable: NBIOT_DOWNLINK_ENABLE
    case .delete: NBIOT_DOWNLINK_DELETE
    case .subDeviceError: NBIOT_DOWNLINK_SUB_DEVICE_ERROR
    case .desiredValues: NBIOT_DOWNLINK_DESIRED_VALUES
    }
  }
}
