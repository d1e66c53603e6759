// SPDX-License-Identifier: Apache-2.0
internal import CPcap

/// A capture file, pcap or pcapng, read packet by packet with libpcap.
///
/// Memory held: the largest packet, at most 256 KiB.
@safe
public struct CaptureFile: ~Copyable {
  private let handle: OpaquePointer

  /// The link type of the packets.
  public let linkType: LinkType

  /// Opens the file, or standard input when `path` is "-".
  public init(path: String) throws(CaptureError) {
    let errors = UnsafeMutableBufferPointer<CChar>.allocate(capacity: Int(PCAP_ERRBUF_SIZE))
    // SAFETY: libpcap writes at most PCAP_ERRBUF_SIZE bytes, including the terminating zero.
    defer { unsafe errors.deallocate() }
    unsafe errors.initialize(repeating: 0)
    guard let handle = unsafe pcap_open_offline(path, errors.baseAddress) else {
      throw .notOpened(unsafe Self.text(errors.baseAddress))
    }
    unsafe self.handle = handle
    linkType = LinkType(rawValue: unsafe pcap_datalink(handle))
  }

  deinit {
    // SAFETY: opened in `init`, and closed nowhere else.
    unsafe pcap_close(handle)
  }

  /// The next packet; `nil` after the last.
  @_lifetime(&self)
  public mutating func next() throws(CaptureError) -> PacketView? {
    var header: UnsafeMutablePointer<pcap_pkthdr>?
    var start: UnsafePointer<UInt8>?
    // SAFETY: both pointers are libpcap's, valid until the next call. The view's lifetime, an
    // exclusive access to `self`, ends before that.
    let status = unsafe pcap_next_ex(handle, &header, &start)
    guard status != PCAP_ERROR_BREAK else { return nil }
    guard status == 1, let info = unsafe header?.pointee, let start = unsafe start else {
      throw .broken(unsafe Self.text(pcap_geterr(handle)))
    }
    // SAFETY: libpcap has read `caplen` bytes into `start`.
    let bytes = unsafe Span(_unsafeStart: start, count: Int(info.caplen))
    let time = info.ts
    return PacketView(
      unsafe _overrideLifetime(bytes, mutating: &self),
      originalCount: Int(info.len),
      microseconds: Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_usec)
    )
  }

  /// libpcap's name of the link type.
  public static func name(of linkType: LinkType) -> String {
    // SAFETY: libpcap returns a constant or NULL.
    guard let name = unsafe pcap_datalink_val_to_name(linkType.rawValue) else {
      return "number \(linkType.rawValue)"
    }
    return unsafe text(name)
  }

  private static func text(_ start: UnsafePointer<CChar>?) -> String {
    // SAFETY: libpcap's texts end with a zero.
    guard let start = unsafe start else { return "" }
    return unsafe String(cString: start)
  }
}

/// Why a capture file could not be read; the text is libpcap's.
public enum CaptureError: Error, Equatable, Sendable {
  /// The file does not exist, is not readable, or is not a capture file.
  case notOpened(String)
  /// The file is truncated, or corrupt from some packet on.
  case broken(String)
}
