// SPDX-License-Identifier: Apache-2.0
public import CoAPMessage
internal import ConstrainedCore

/// The option that carries a report's token.
public enum TokenOption: Sendable {
  /// 2088, as specified in the guide.
  case current
  /// 61, as in the platform's SDKs 3.0 to 3.2; a critical option.
  case legacy
}

/// Writes a device's requests (device guide 3.6), option by option in wire order: Uri-Path,
/// Content-Format, Accept, Block2, token, sequence.
public enum PlatformRequest {
  /// The maximum length of a report's payload before encryption, in bytes (device guide 3.5 advises
  /// 1 KB).
  public static let maxPayload = 1_024  // conformance: 7252-4.6-a

  /// Appends path, options and payload of `POST /auth`; the payload is in `format`, and the answer
  /// is requested in it as well.
  public static func writeAuthentication(
    payload: Span<UInt8>,
    format: ContentFormat = .json,
    into message: inout MessageWriter
  ) throws(MessageWriterError) {
    try message.path(of: "auth")
    try message.payload(payload, in: format)
  }

  /// Appends path, options and payload of `POST /auth/register/device` with a JSON payload.
  ///
  /// Unverified: the platform's C SDK v4 registers this way; the device guide describes HTTPS and
  /// MQTT only.
  public static func writeRegistration(
    payload: Span<UInt8>,
    into message: inout MessageWriter
  ) throws(MessageWriterError) {
    try message.path(of: "auth")
    try message.path(of: "register")
    try message.path(of: "device")
    try message.payload(payload, in: .json)
  }

  /// Appends path and options of `POST /topic/…`, or of `POST /pull` if the topic is empty; the
  /// payload follows.
  ///
  /// `sequence` comes from the security layer; it is empty in a mode without one.
  public static func writeReport(
    topic: Span<UInt8>,
    contentFormat: ContentFormat,
    accept: ContentFormat?,
    block: BlockOption? = nil,
    tokenOption: TokenOption,
    token: Span<UInt8>,
    sequence: Span<UInt8>,
    into message: inout MessageWriter
  ) throws(MessageWriterError) {
    // conformance: 7252-5.4-b 7252-5.4.4-b 7252-5.4.5-b
    try message.path(of: topic.isEmpty ? "pull" : "topic")
    if !topic.isEmpty { try message.path(topic) }
    if block == nil {
      try message.option(.contentFormat, uint: UInt64(widening: contentFormat.rawValue))
    }
    if let accept { try message.option(.accept, uint: UInt64(widening: accept.rawValue)) }
    if let block { try message.option(block) }
    let number: OptionNumber = tokenOption == .current ? .platformToken : .legacyPlatformToken
    try message.option(number, token)
    if !sequence.isEmpty { try message.option(.platformSequence, sequence) }
  }
}

extension MessageWriter {
  fileprivate mutating func payload(
    _ payload: Span<UInt8>,
    in format: ContentFormat
  ) throws(MessageWriterError) {
    try option(.contentFormat, uint: UInt64(widening: format.rawValue))
    try option(.accept, uint: UInt64(widening: format.rawValue))
    try self.payload(payload)
  }

  fileprivate mutating func path(of segment: StaticString) throws(MessageWriterError) {
    try option(.uriPath, Span(segment))
  }

  @inline(never)  // Only blockwise answers need it.
  fileprivate mutating func option(_ block: BlockOption) throws(MessageWriterError) {
    try option(.block2, uint: UInt64(widening: block.value))
  }
}
