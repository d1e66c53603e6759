internal import Foundation
internal import OpenSSLSupport

/// The simulator's certificate and key in a folder, with the authority's certificate for devices.
struct CertificateFiles {
  let certificate: [UInt8]
  let key: [UInt8]

  /// Reads what is in the folder; what is not there is made: an authority whose key nobody keeps, and
  /// its certificate for `host` and this machine's own names.
  static func load(_ directory: String, host: String) throws -> CertificateFiles {
    let folder = URL(filePath: directory)
    let authority = folder.appending(path: "ca.pem").path
    let certificate = folder.appending(path: "server.pem").path
    let key = folder.appending(path: "server-key.pem").path
    let files = FileManager.default
    let present = [authority, certificate, key].filter { files.fileExists(atPath: $0) }
    if present.isEmpty {
      try make(names(host), folder: folder.path, authority, certificate, key)
    } else if !files.fileExists(atPath: certificate) || !files.fileExists(atPath: key) {
      throw Complaint(
        "\(directory) holds only some of ca.pem, server.pem and server-key.pem: give an empty folder, "
          + "or all of them"
      )
    }
    PrivateFile.warnIfReadable(key, "private key")
    return CertificateFiles(
      certificate: try InputText.read(certificate),
      key: try InputText.read(key)
    )
  }

  private static func names(_ host: String) -> [String] {
    let names = ["localhost", "127.0.0.1", "::1"]
    return names.contains(host) || host == "0.0.0.0" || host == "::" ? names : names + [host]
  }

  private static func make(
    _ names: [String],
    folder: String,
    _ authority: String,
    _ certificate: String,
    _ key: String
  ) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: folder,
        withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700]
      )
    } catch {
      throw Complaint("the folder \(folder) cannot be made: check its path and your rights")
    }
    let issued: IssuedCertificate
    do throws(OpenSSLError) {
      issued = try IssuedCertificate(names: names)
    } catch {
      throw Complaint("OpenSSL could not make a certificate (error \(error.code))")
    }
    // The server's certificate last: without it the next start says that something is missing. The
    // authority's is for everybody.
    try PrivateFile.write(issued.authority, to: authority, mode: 0o644)
    try PrivateFile.write(issued.key, to: key)
    try PrivateFile.write(issued.certificate, to: certificate)
    Console.complain(
      "made \(authority), which devices trust, and the server's certificate beside it"
    )
  }
}
