// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import OpenSSLSupport

/// Receives a response piece by piece.
package protocol HTTPSSink: AnyObject {
  /// Receives the head of the final response, after any redirects; returning `false` aborts the
  /// transfer.
  func begin(_ head: HTTPSHead) -> Bool

  /// Receives the next bytes of the body; returning `false` aborts the transfer.
  func take(_ bytes: Span<UInt8>) -> Bool
}

/// A complete response.
public struct HTTPSAnswer: Sendable {
  /// The HTTP status, such as 200.
  public let status: Int

  /// The body.
  public let body: [UInt8]

  /// The server's Retry-After in seconds, at most 3,600; `nil` if there is none.
  public let retryAfter: Int?
}

/// Sends requests over HTTPS in sequence, over one connection if the server keeps it open:
/// HTTP/1.1, TLS 1.2 or later, and the server's certificate and name are always verified.
///
/// A call blocks its thread. The proxy named in the environment (`https_proxy`) is used.
@safe
public struct HTTPSConnection: ~Copyable {
  private let handle: UnsafeMutableRawPointer
  private let complaint: UnsafeMutableBufferPointer<CChar>
  private let settings: HTTPSSettings
  private var isPrepared = false

  /// libcurl, made ready once; no program of this package obeys SSLKEYLOGFILE.
  private static let start = nbiot_curl_start()

  /// Prepares a connection without sending anything.
  public init(_ settings: HTTPSSettings = HTTPSSettings()) throws(HTTPSError) {
    guard Self.start == CURLE_OK, let handle = unsafe curl_easy_init() else {
      throw .library(code: Int(Self.start.rawValue), "no handle")
    }
    unsafe self.handle = handle
    self.settings = settings
    unsafe complaint = .allocate(capacity: Int(CURL_ERROR_SIZE))
    unsafe complaint.initialize(repeating: 0)
  }

  deinit {
    // SAFETY: both belong to this value alone, and libcurl no longer writes to the buffer.
    unsafe curl_easy_cleanup(handle)
    unsafe complaint.deallocate()
  }

  /// Posts a form, `application/x-www-form-urlencoded`, and returns the response, whatever its
  /// status.
  ///
  /// Redirects are not followed: the form is for this server only. A response longer than `limit`
  /// bytes is an error; that many bytes are allocated in advance.
  public mutating func post(
    form: Span<UInt8>,
    to address: String,
    limit: Int
  ) throws(HTTPSError) -> HTTPSAnswer {
    let body = CollectingSink(limit)
    try begin(address, redirects: 0)
    // SAFETY: libcurl copies exactly the span's bytes.
    let code = unsafe form.withUnsafeBytes {
      unsafe nbiot_curl_copy_body(handle, $0.baseAddress, curl_off_t($0.count))
    }
    try check(code)
    do throws(HTTPSError) {
      try perform(body)
    } catch {
      if error == .stopped { throw .tooLong(limit: limit) }
      throw error
    }
    return HTTPSAnswer(status: body.status, body: body.bytes, retryAfter: body.retryAfter)
  }

  /// Requests the bytes from `offset` on and passes them to `sink`; `nil` requests the whole file
  /// without a Range field.
  ///
  /// With an entity tag, the server sends the whole file if it has changed (RFC 9110 Section
  /// 13.1.5). With `decodes`, a response compressed without request is decoded.
  package mutating func get(
    _ address: String,
    from offset: UInt64?,
    ifTag tag: String? = nil,
    decodes: Bool = false,
    into sink: any HTTPSSink
  ) throws(HTTPSError) {
    try begin(address, redirects: settings.maxRedirects)
    try set(CURLOPT_HTTPGET, 1)
    if let offset {
      try set(CURLOPT_RANGE, "\(offset)-")
    } else {
      try check(unsafe nbiot_curl_set_text(handle, CURLOPT_RANGE, nil))
    }
    // An empty list enables all encodings that libcurl supports.
    try check(
      unsafe nbiot_curl_set_text(handle, CURLOPT_ACCEPT_ENCODING, decodes ? "" : nil)
    )
    var fields: UnsafeMutablePointer<curl_slist>?
    // SAFETY: libcurl copies the texts, and reads the list until it is removed below.
    if let tag, offset != nil { unsafe fields = curl_slist_append(nil, "If-Range: \(tag)") }
    if !decodes { unsafe fields = curl_slist_append(fields, "Accept-Encoding: identity") }
    defer {
      _ = unsafe nbiot_curl_set_list(handle, CURLOPT_HTTPHEADER, nil)
      unsafe curl_slist_free_all(fields)
    }
    try check(unsafe nbiot_curl_set_list(handle, CURLOPT_HTTPHEADER, fields))
    try perform(sink)
  }

  // MARK: - Options

  /// Sets the options common to all requests.
  private func prepare() throws(HTTPSError) {
    try check(unsafe nbiot_curl_only_https(handle))
    try check(unsafe nbiot_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, complaint.baseAddress))
    try set(CURLOPT_SSL_VERIFYPEER, 1)
    try set(CURLOPT_SSL_VERIFYHOST, 2)
    try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    try set(CURLOPT_CONNECTTIMEOUT, settings.connectTimeout)
    try set(CURLOPT_LOW_SPEED_LIMIT, settings.slowestRate)
    try set(CURLOPT_LOW_SPEED_TIME, settings.patience)
    // Otherwise libcurl may raise signals.
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_NOPROGRESS, 0)
    try set(CURLOPT_USERAGENT, "nbiot")
    if !settings.allowsCommonName { try demandAlternativeNames() }
    if let authorities = settings.authorities {
      // SAFETY: libcurl copies exactly the array's bytes.
      let code = unsafe authorities.withUnsafeBytes {
        unsafe nbiot_curl_set_authorities(handle, $0.baseAddress, $0.count)
      }
      try check(code)
    }
  }

  private func demandAlternativeNames() throws(HTTPSError) {
    let code = unsafe nbiot_curl_set_context(handle) { _, context, _ in
      // SAFETY: libcurl passes its SSL_CTX.
      if let context = unsafe context { unsafe ForeignContext.demandAlternativeNames(context) }
      return CURLE_OK
    }
    if code != CURLE_NOT_BUILT_IN && code != CURLE_UNKNOWN_OPTION { try check(code) }
  }

  private mutating func begin(_ address: String, redirects: Int) throws(HTTPSError) {
    if !isPrepared { try prepare() }
    isPrepared = true
    guard address.prefix(8).lowercased() == "https://",
      address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { throw .address }
    try set(CURLOPT_URL, address)
    try set(CURLOPT_FOLLOWLOCATION, redirects > 0 ? 1 : 0)
    try set(CURLOPT_MAXREDIRS, redirects)
  }

  private func set(_ option: CURLoption, _ value: Int) throws(HTTPSError) {
    try check(unsafe nbiot_curl_set_long(handle, option, value))
  }

  private func set(_ option: CURLoption, _ value: String) throws(HTTPSError) {
    // SAFETY: libcurl copies the text.
    try check(unsafe nbiot_curl_set_text(handle, option, value))
  }

  // MARK: - A transfer

  private func perform(_ sink: any HTTPSSink) throws(HTTPSError) {
    let transfer = Transfer(sink, settings.interruption)
    // SAFETY: the transfer lives until the call below has returned, and libcurl calls back only
    // during that call.
    let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
    try check(unsafe nbiot_curl_set_pointer(handle, CURLOPT_HEADERDATA, context))
    try check(unsafe nbiot_curl_set_pointer(handle, CURLOPT_WRITEDATA, context))
    try check(unsafe nbiot_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context))
    try check(
      unsafe nbiot_curl_set_data(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
        let total = size * count
        // SAFETY: libcurl passes `count` members of `size` bytes, and the context that was set.
        guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
        let line = unsafe UnsafeRawBufferPointer(start: bytes, count: total)
        unsafe Transfer.from(context).head.take(String(decoding: line, as: UTF8.self).trimmed)
        return total
      }
    )
    try check(
      unsafe nbiot_curl_set_data(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
        let total = size * count
        guard total > 0 else { return 0 }
        // SAFETY: libcurl passes `count` members of `size` bytes, and the context that was set.
        guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
        let raw = unsafe UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self)
        let body = unsafe Span(_unsafeStart: raw, count: total)
        return unsafe Transfer.from(context).take(body) ? total : 0
      }
    )
    try check(
      unsafe nbiot_curl_set_progress(handle) { context, _, _, _, _ in
        guard let context = unsafe context else { return 1 }
        return unsafe Transfer.from(context).interruption.isRequested ? 1 : 0
      }
    )
    unsafe complaint[0] = 0
    let code = unsafe curl_easy_perform(handle)
    let isRefused = withExtendedLifetime(transfer) {
      // The response had no body.
      code == CURLE_OK && !transfer.hasBegun && !transfer.begin()
    }
    if isRefused { throw .stopped }
    try check(code)
  }

  private func check(_ code: CURLcode) throws(HTTPSError) {
    guard code != CURLE_OK else { return }
    // SAFETY: libcurl terminates its text with a zero inside the buffer.
    let text = unsafe complaint.baseAddress.map { unsafe String(cString: $0) } ?? ""
    let words = unsafe text.isEmpty ? String(cString: curl_easy_strerror(code)) : text
    throw HTTPSError(code, words)
  }
}

/// A transfer as seen by libcurl's callbacks.
private final class Transfer {
  var head = HTTPSHead()
  private(set) var hasBegun = false
  let interruption: Interruption
  private let sink: any HTTPSSink

  init(_ sink: any HTTPSSink, _ interruption: Interruption) {
    self.sink = sink
    self.interruption = interruption
  }

  static func from(_ context: UnsafeMutableRawPointer) -> Transfer {
    // SAFETY: the context is always a transfer that its creator keeps alive.
    unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  }

  func begin() -> Bool {
    hasBegun = true
    return sink.begin(head)
  }

  func take(_ bytes: Span<UInt8>) -> Bool {
    guard hasBegun || begin() else { return false }
    return sink.take(bytes)
  }
}

/// Collects a short response.
private final class CollectingSink: HTTPSSink {
  private(set) var status = 0
  private(set) var retryAfter: Int?
  private(set) var bytes: [UInt8] = []
  private let limit: Int

  init(_ limit: Int) {
    self.limit = limit
    // Growing the array would leave copies in memory that the caller cannot wipe.
    bytes.reserveCapacity(limit)
  }

  func begin(_ head: HTTPSHead) -> Bool {
    status = head.status
    retryAfter = head.retryAfter
    return true
  }

  func take(_ piece: Span<UInt8>) -> Bool {
    guard bytes.count + piece.count <= limit else { return false }
    for index in piece.indices { bytes.append(piece[index]) }
    return true
  }
}

extension HTTPSError {
  /// Maps libcurl's code.
  fileprivate init(_ code: CURLcode, _ text: String) {
    switch code {
    case CURLE_UNSUPPORTED_PROTOCOL: self = .insecureRedirect
    case CURLE_URL_MALFORMAT: self = .address
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: self = .unresolved
    case CURLE_COULDNT_CONNECT: self = .unreachable(text)
    case CURLE_PEER_FAILED_VERIFICATION: self = .certificate(text)
    case CURLE_SSL_CONNECT_ERROR: self = .handshake(text)
    case CURLE_SSL_CACERT_BADFILE: self = .authorities
    case CURLE_TOO_MANY_REDIRECTS: self = .tooManyRedirects
    case CURLE_OPERATION_TIMEDOUT: self = .stalled
    case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR:
      self = .broken(text)
    case CURLE_WRITE_ERROR: self = .stopped
    case CURLE_ABORTED_BY_CALLBACK: self = .cancelled
    default: self = .library(code: Int(code.rawValue), text)
    }
  }
}

extension String {
  /// The line without its line end.
  fileprivate var trimmed: String {
    String(prefix { $0 != "\r" && $0 != "\n" && $0 != "\r\n" })
  }
}
