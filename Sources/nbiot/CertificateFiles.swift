// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc
internal import NIOCore
internal import OpenSSLSupport

/// The simulator's certificates and keys in a folder, with the authorities' certificates for
/// devices.
struct CertificateFiles {
  let certificate: [UInt8]
  let key: [UInt8]
  /// The certificate for devices without elliptic curves; empty for none.
  private(set) var rsaCertificate: [UInt8] = []
  private(set) var rsaKey: [UInt8] = []

  /// Loads the files in the folder, and creates missing ones: an authority whose key is discarded,
  /// and its certificate for `host` and this machine's own names.
  ///
  /// With `needsRSA` it also creates the same with RSA keys, unless the server's certificate has
  /// one.
  static func load(
    _ directory: String,
    host: String,
    needsRSA: Bool
  ) throws -> CertificateFiles {
    let first = Trio(directory, "")
    let second = Trio(directory, "-rsa")
    let isNew = try first.isMissing()
    if isNew {
      try makeFolder(directory)
      try first.make(.ecdsa, names(host))
    }
    var files = try CertificateFiles(first)
    if !isNew { warn(files.certificate, first.certificate, host: host) }
    guard needsRSA, !IssuedCertificate.hasRSAKey(files.certificate.span) else { return files }
    let isSecondNew = try second.isMissing()
    if isSecondNew {
      try second.make(.rsa, names(host))
      // A device that trusts ca.pem must trust both certificates, whichever its suites select.
      if isNew {
        let newline = [UInt8(ascii: "\n")]
        let both =
          try InputText.read(first.authority) + newline + InputText.read(second.authority) + newline
        try PrivateFile.write(both, to: first.authority, mode: 0o644)
      }
    }
    let rsa = try CertificateFiles(second)
    if !isSecondNew {
      warn(rsa.certificate, second.certificate, host: host)
      if !IssuedCertificate.hasRSAKey(rsa.certificate.span) {
        Console.complain(
          "warning: \(second.certificate) has no RSA key, and is of no use to devices without elliptic curves"
        )
      }
    }
    files.rsaCertificate = rsa.certificate
    files.rsaKey = rsa.key
    return files
  }

  /// Warns about an older certificate that lacks an address by which devices may reach the server.
  private static func warn(_ certificate: [UInt8], _ file: String, host: String) {
    let own = ["localhost", "127.0.0.1", "::1"]
    let isAny = host == "0.0.0.0" || host == "::"
    let wanted = isAny ? addresses().filter { !own.contains($0) } : [host]
    let missing = wanted.filter { IssuedCertificate.isFor($0, certificate.span) == false }
    guard !missing.isEmpty else { return }
    Console.complain(
      "warning: \(file) is not for \(missing.joined(separator: ", ")), and devices that connect there refuse it, "
        + "unless they expect a name that it has (--server-name): give another folder for a new one"
    )
  }

  private init(_ trio: Trio) throws {
    PrivateFile.warnIfReadable(trio.key, "private key")
    certificate = try InputText.read(trio.certificate)
    key = try InputText.read(trio.key)
  }

  /// The address by which devices reach a server on `host`, which its certificate has.
  static func name(ofServerOn host: String) -> String { names(host).first ?? host }

  /// The names by which devices may reach the server, the most used address first.
  private static func names(_ host: String) -> [String] {
    let own = ["localhost", "127.0.0.1", "::1"]
    let isAny = host == "0.0.0.0" || host == "::"
    let outer = isAny ? addresses().filter { !own.contains($0) } : [host]
    let first = outer.first ?? "127.0.0.1"
    return [first] + (outer + own).filter { $0 != first }
  }

  /// This machine's addresses, IPv4 first, without link-local ones; at most 16.
  private static func addresses() -> [String] {
    guard let devices = try? System.enumerateDevices() else { return [] }
    let found = devices.compactMap { $0.address?.ipAddress }.filter {
      !$0.hasPrefix("fe80") && !$0.hasPrefix("127.") && !$0.contains("%")
    }
    let sorted = found.filter { !$0.contains(":") } + found.filter { $0.contains(":") }
    var names: [String] = []
    for name in sorted where !names.contains(name) { names.append(name) }
    return Array(names.prefix(16))
  }

  private static func makeFolder(_ directory: String) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: URL(filePath: directory).path,
        withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700]
      )
    } catch {
      throw Complaint("the folder \(directory) cannot be made: check its path and your rights")
    }
  }
}

/// The three files of one key type.
private struct Trio {
  let authority: String
  let certificate: String
  let key: String
  private let directory: String
  private let names: [String]

  init(_ directory: String, _ mark: String) {
    let folder = URL(filePath: directory)
    names = ["ca\(mark).pem", "server\(mark).pem", "server\(mark)-key.pem"]
    authority = folder.appending(path: names[0]).path
    certificate = folder.appending(path: names[1]).path
    key = folder.appending(path: names[2]).path
    self.directory = directory
  }

  /// Whether none of the files exists; a user's own certificates do not need an authority's file.
  func isMissing() throws -> Bool {
    let present = [authority, certificate, key].filter {
      FileManager.default.fileExists(atPath: $0)
    }
    if present.isEmpty { return true }
    guard present.contains(certificate), present.contains(key) else {
      throw Complaint(
        "\(directory) holds only some of \(names[0]), \(names[1]) and \(names[2]): give an empty folder, "
          + "or all of them"
      )
    }
    return false
  }

  func make(_ keys: IssuedCertificate.Keys, _ names: [String]) throws {
    let issued: IssuedCertificate
    do throws(OpenSSLError) {
      issued = try IssuedCertificate(names: names, keys: keys)
    } catch {
      throw Complaint("OpenSSL could not make a certificate (error \(error.code))")
    }
    // Write the server's certificate last: without it the next start reports a missing file. The
    // authority's certificate is public.
    try PrivateFile.write(issued.authority, to: authority, mode: 0o644)
    try PrivateFile.write(issued.key, to: key)
    try PrivateFile.write(issued.certificate, to: certificate)
    let devices = keys == .rsa ? "devices without elliptic curves" : "devices"
    Console.complain(
      "made \(authority), which \(devices) trust, and the server's certificate beside it"
    )
  }
}
