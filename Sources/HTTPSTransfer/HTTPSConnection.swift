internal import CCurl
internal import OpenSSLSupport

/// What takes an answer as it comes.
package protocol HTTPSSink: AnyObject {
  /// Takes the head of the last answer, redirects apart; `false` ends the transfer.
  func begin(_ head: HTTPSHead) -> Bool

  /// Takes the next bytes of the body; `false` ends the transfer.
  func take(_ bytes: Span<UInt8>) -> Bool
}

/// An answer that has come as a whole.
public struct HTTPSAnswer: Sendable {
  /// The HTTP status, such as 200.
  public let status: Int

  /// The body.
  public let body: [UInt8]

  /// How many seconds the server asks not to be asked again, an hour at most; `nil` when it does not.
  public let retryAfter: Int?
}

/// Requests over HTTPS, one after the other and over one connection where the server lets it: HTTP/1.1,
/// TLS 1.2 or later, the server's certificate and name always verified.
///
/// A call blocks its thread. A proxy is used where the environment names one (`https_proxy`).
@safe
public struct HTTPSConnection: ~Copyable {
  private let handle: UnsafeMutableRawPointer
  private let complaint: UnsafeMutableBufferPointer<CChar>
  private let settings: HTTPSSettings
  private var isPrepared = false

  private static let start = nbiot_curl_start()

  /// Prepares a connection; nothing is sent yet.
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
    // SAFETY: both belong to this value alone, and libcurl writes to the buffer no more.
    unsafe curl_easy_cleanup(handle)
    unsafe complaint.deallocate()
  }

  /// Sends a form, `application/x-www-form-urlencoded`, and gives the answer, whatever its status.
  ///
  /// No redirect is followed: the form is for this server alone. An answer of more than `limit` bytes,
  /// which are set aside at once, is an error.
  public mutating func post(
    form: Span<UInt8>,
    to address: String,
    limit: Int
  ) throws(HTTPSError) -> HTTPSAnswer {
    let body = CollectingSink(limit)
    try begin(address, redirects: 0)
    // SAFETY: libcurl copies as many bytes as the span has.
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

  /// Asks for the bytes from `offset` on, and hands them to `sink`; for all without a Range field when
  /// it is `nil`.
  ///
  /// With an entity tag the server is asked for all instead when its file is another by now (RFC 9110 Section
  /// 13.1.5). A server that compresses unasked is decoded where `decodes` says so.
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
    // Empty: all that libcurl knows.
    try check(
      unsafe nbiot_curl_set_text(handle, CURLOPT_ACCEPT_ENCODING, decodes ? "" : nil)
    )
    var fields: UnsafeMutablePointer<curl_slist>?
    // SAFETY: libcurl copies the texts, and reads the list until it is taken back below.
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

  /// What holds for every request.
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
    // Without it libcurl may raise signals of its own.
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_NOPROGRESS, 0)
    try set(CURLOPT_USERAGENT, "nbiot")
    if !settings.allowsCommonName { try demandAlternativeNames() }
    if let authorities = settings.authorities {
      // SAFETY: libcurl copies as many bytes as the array has.
      let code = unsafe authorities.withUnsafeBytes {
        unsafe nbiot_curl_set_authorities(handle, $0.baseAddress, $0.count)
      }
      try check(code)
    }
  }

  private func demandAlternativeNames() throws(HTTPSError) {
    let code = unsafe nbiot_curl_set_context(handle) { _, context, _ in
      // SAFETY: libcurl gives its SSL_CTX.
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
    // within it.
    let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
    try check(unsafe nbiot_curl_set_pointer(handle, CURLOPT_HEADERDATA, context))
    try check(unsafe nbiot_curl_set_pointer(handle, CURLOPT_WRITEDATA, context))
    try check(unsafe nbiot_curl_set_pointer(handle, CURLOPT_XFERINFODATA, context))
    try check(
      unsafe nbiot_curl_set_data(handle, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
        let total = size * count
        // SAFETY: libcurl gives `count` members of `size` bytes, and the context as it was set.
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
        // SAFETY: libcurl gives `count` members of `size` bytes, and the context as it was set.
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
      // An answer without a body.
      code == CURLE_OK && !transfer.hasBegun && !transfer.begin()
    }
    if isRefused { throw .stopped }
    try check(code)
  }

  private func check(_ code: CURLcode) throws(HTTPSError) {
    guard code != CURLE_OK else { return }
    // SAFETY: libcurl ends its text with a zero within the buffer.
    let text = unsafe complaint.baseAddress.map { unsafe String(cString: $0) } ?? ""
    let words = unsafe text.isEmpty ? String(cString: curl_easy_strerror(code)) : text
    throw HTTPSError(code, words)
  }
}

/// One transfer as libcurl's callbacks see it.
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
    // SAFETY: the context is always a transfer that its maker keeps alive.
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

/// Keeps a short answer.
private final class CollectingSink: HTTPSSink {
  private(set) var status = 0
  private(set) var retryAfter: Int?
  private(set) var bytes: [UInt8] = []
  private let limit: Int

  init(_ limit: Int) {
    self.limit = limit
    // No copy is left behind that whoever wipes the answer does not know of.
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
  /// What libcurl's code means.
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
  /// The line without its end.
  fileprivate var trimmed: String {
    String(prefix { $0 != "\r" && $0 != "\n" && $0 != "\r\n" })
  }
}
