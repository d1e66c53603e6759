// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues
internal import PlatformWebServer

/// Who may look.
extension ConsoleFront {
  /// Why a request gets nothing; `nil` where it may go on.
  func refusal(of request: ConsoleRequest) -> ConsoleAnswer? {
    guard isAddressed(request) else {
      // A page of elsewhere whose name was made to point to this machine (DNS rebinding).
      return ConsoleAnswer(403, "the console is at \(authorities.sorted()[0]), not at this Host")
    }
    if let site = request.value("sec-fetch-site"), site != "same-origin", site != "none",
      request.path != "/"
    {
      return ConsoleAnswer(403, "a page of elsewhere asks")
    }
    if request.method == "POST" {
      if let origin = request.value("origin") {
        let host = request.value("host") ?? ""
        guard origin == "http://\(host)" || origin == "https://\(host)" else {
          return ConsoleAnswer(403, "a page of elsewhere asks")
        }
      } else if request.has("origin") {
        return ConsoleAnswer(403, "a page of elsewhere asks")
      }
      if request.path != "/login" {
        // No form of a page can send this without being asked for by CORS, which is never granted.
        guard request.value("content-type")?.lowercased() == "application/json" else {
          return ConsoleAnswer(415, "the body is application/json")
        }
      }
    }
    if isOpen(request.path) || isPermitted(request) { return nil }
    guard request.path == "/", request.method == "GET" else {
      return ConsoleAnswer(401, "the token is missing or another one")
    }
    return Self.loginPage
  }

  /// Takes a token from the login page; the pages of a login that ends for it follow the devices no longer.
  func login(_ request: ConsoleRequest) -> ConsoleReaction {
    guard let token = settings.token,
      Self.isEqual(PercentCoding.form(request.body)?["token"] ?? "", token)
    else { return .answer(Self.loginPage) }
    let (session, ended) = sessions.begin()
    var answer = ConsoleAnswer(303, "see /")
    answer.fields = [
      ("Location", "/"),
      ("Set-Cookie", "\(cookieName)=\(session); HttpOnly; SameSite=Strict; Path=/"),
    ]
    return .leave(sessions: ended.map { [$0] } ?? [], answer)
  }

  /// Ends the login of a browser; its pages follow the devices no longer.
  func logout(_ request: ConsoleRequest) -> ConsoleReaction {
    var answer = ConsoleAnswer(["outcome": "done"])
    answer.fields = [
      ("Set-Cookie", "\(cookieName)=; Max-Age=0; HttpOnly; SameSite=Strict; Path=/")
    ]
    let ended = logins(of: request)
    for session in ended { sessions.end(session) }
    return .leave(sessions: ended, answer)
  }

  /// The login that a request's cookies name; `nil` without one.
  func session(of request: ConsoleRequest) -> String? { logins(of: request).first }

  /// The logins that a request's cookies name.
  ///
  /// There may be several cookies of one name (RFC 6265 Section 5.4): another server of the host can set one for a longer
  /// path, which comes first.
  private func logins(of request: ConsoleRequest) -> [String] {
    let name = "\(cookieName)="
    return (request.value("cookie") ?? "").split(separator: ";").compactMap { part in
      let cookie = part.drop { $0 == " " }
      return cookie.hasPrefix(name) ? sessions.find(String(cookie.dropFirst(name.count))) : nil
    }
  }

  /// Whether the Host is this machine's where nothing else tells friend from foe.
  private func isAddressed(_ request: ConsoleRequest) -> Bool {
    guard let host = request.value("host") else { return false }
    return settings.token != nil || authorities.contains(host.lowercased())
  }

  private var authorities: [String] {
    let own = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
    let names = Set([own, "127.0.0.1", "localhost", "[::1]"])
    return names.map { "\($0):\(port)" } + (port == 80 ? Array(names) : [])
  }

  /// What the login page itself needs.
  private func isOpen(_ path: String) -> Bool {
    ["/login", "/console.css", "/icon.svg"].contains(path)
  }

  /// Cookies do not know ports: two consoles of one machine have one each.
  private var cookieName: String { "nbiot-console-\(port)" }

  private func isPermitted(_ request: ConsoleRequest) -> Bool {
    guard let token = settings.token else { return true }
    if let text = request.value("authorization") {
      // The scheme is case-insensitive (RFC 9110 Section 11.1).
      let scheme = text.prefix { $0 != " " }
      return scheme.lowercased() == "bearer"
        && Self.isEqual(String(text.dropFirst(scheme.count).drop { $0 == " " }), token)
    }
    return session(of: request) != nil
  }

  /// Compares in a time that depends on the given text's length alone.
  static func isEqual(_ given: String, _ token: String) -> Bool {
    let (left, right) = (Array(given.utf8), Array(token.utf8))
    guard !right.isEmpty else { return false }
    var difference = left.count == right.count ? 0 : 1
    for index in left.indices { difference |= Int(left[index] ^ right[index % right.count]) }
    return difference == 0
  }

  private static let loginPage = ConsoleAnswer(
    PackageResources.login_html,
    type: "text/html; charset=utf-8",
    status: 401
  )

  /// The pages and their parts by path.
  static let pages: [String: ConsoleAnswer] = {
    let script = "text/javascript; charset=utf-8"
    return [
      "/": ConsoleAnswer(PackageResources.index_html, type: "text/html; charset=utf-8"),
      "/console.css": ConsoleAnswer(PackageResources.console_css, type: "text/css; charset=utf-8"),
      "/console.js": ConsoleAnswer(PackageResources.console_js, type: script),
      "/list.js": ConsoleAnswer(PackageResources.list_js, type: script),
      "/device.js": ConsoleAnswer(PackageResources.device_js, type: script),
      "/faults.js": ConsoleAnswer(PackageResources.faults_js, type: script),
      "/format.js": ConsoleAnswer(PackageResources.format_js, type: script),
      "/icon.svg": ConsoleAnswer(PackageResources.icon_svg, type: "image/svg+xml"),
    ]
  }()

  /// The fields of every answer: nothing from elsewhere is loaded, and nothing of it is shown elsewhere or kept.
  ///
  /// Without any referrer a browser would send the login form with `Origin: null`.
  static let protection: [(name: String, value: String)] = [
    (
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"), ("Cache-Control", "no-store"),
  ]
}
