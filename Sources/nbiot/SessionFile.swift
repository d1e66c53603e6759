internal import Foundation

/// The DTLS session between two runs, behind a line that says what the file is.
struct SessionFile {
  private static let head = Array("nbiot DTLS session 1\n".utf8)

  private let path: String

  /// The session that was in the file; `nil` when there was none, or none to be relied on.
  let session: [UInt8]?

  /// Reads what is there, and makes sure that it can be replaced.
  init(_ path: String) throws {
    self.path = path
    guard FileManager.default.fileExists(atPath: path) else {
      let folder = URL(filePath: PrivateFile.target(of: path)).deletingLastPathComponent().path
      guard unsafe access(folder, W_OK | X_OK) == 0 else {
        throw Complaint(
          "the session file \(path) cannot be written: \(PrivateFile.text(errno)); check its folder"
        )
      }
      session = nil
      return
    }
    let (bytes, status) = try PrivateFile.readWithStatus(path)
    guard bytes.isEmpty || bytes.starts(with: Self.head) else {
      throw Complaint(
        "\(path) is no session file of nbiot, and would be overwritten: give another name"
      )
    }
    // Who makes a session of his own up is taken for the server without a certificate.
    guard status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
      Console.complain(
        "warning: others can change the session file \(path), so it is not used: remove it, or give one "
          + "in a folder of your own"
      )
      session = nil
      return
    }
    PrivateFile.warnIfReadable(path, "session", status)
    session = bytes.isEmpty ? nil : Array(bytes.dropFirst(Self.head.count))
  }

  /// Writes the session for the next run; a run that cannot has still delivered its reports.
  func keep(_ session: [UInt8]) {
    do {
      try PrivateFile.write(Self.head + session, to: path)
    } catch {
      Console.complain("warning: \((error as? Complaint)?.message ?? "\(error)")")
    }
  }

  /// Removes a session that the server would not resume.
  func remove() {
    try? FileManager.default.removeItem(atPath: PrivateFile.target(of: path))
  }
}
