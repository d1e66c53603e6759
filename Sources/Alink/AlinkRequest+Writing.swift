// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding
public import Platform

extension AlinkRequest where Writer: ~Copyable & ~Escapable {
  /// Writes a whole request of `device` into `storage` and where it goes into `topic`; returns its length in bytes.
  ///
  /// Every request that is sent is made here, whichever link or client sends it; `build` adds what the kind takes.
  public static func write(
    id: UInt32,
    of device: borrowing @_addressable DeviceIdentity,
    into storage: consuming MutableSpan<UInt8>,
    topic: inout Topic,
    _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
  ) throws(AlinkError) -> Int {
    var request = try AlinkRequest<Kind, Writer>(storage, id: id)
    request.gateway = copy device
    try build(&request)
    let count = try request.finish()
    topic = try request.topic(of: device)
    return count
  }

  /// The topic of the finished request from `device`.
  public func topic(
    of device: borrowing @_addressable DeviceIdentity
  ) throws(AlinkError) -> Topic {
    var name = FixedBytes<128>()
    do throws(CapacityError) {
      try name.write { (writer: inout ByteWriter) throws(CapacityError) in
        try writeTopic(of: device, into: &writer)
      }
    } catch {
      throw .topicTooLong
    }
    do throws(TopicError) {
      return try Topic(name.bytes)
    } catch {
      preconditionFailure("names and identifiers are checked to be parts of a topic")
    }
  }
}
