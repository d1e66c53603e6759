internal import Foundation

/// Files with secrets in them: nobody else reads them, and a power cut leaves the old or the new one.
enum PrivateFile {
  /// The largest file that is read.
  static let limit = 1 << 20

  static func read(_ path: String) throws -> [UInt8] {
    let handle = try open(path)
    defer { try? handle.close() }
    return try read(handle, path)
  }

  /// What is in the file; `nil` when somebody else may have written it.
  static func readOwn(_ path: String) throws -> [UInt8]? {
    let handle = try open(path)
    defer { try? handle.close() }
    var status = stat()
    guard unsafe fstat(handle.fileDescriptor, &status) == 0, status.st_uid == geteuid(),
      status.st_mode & 0o022 == 0
    else { return nil }
    return try read(handle, path)
  }

  private static func open(_ path: String) throws -> FileHandle {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw Complaint("the file \(path) cannot be opened: check that it exists and belongs to you")
    }
    return handle
  }

  private static func read(_ handle: FileHandle, _ path: String) throws -> [UInt8] {
    do {
      let data = try handle.read(upToCount: limit + 1) ?? Data()
      guard data.count <= limit else { throw Complaint("the file \(path) is over 1 MiB long") }
      return Array(data)
    } catch let complaint as Complaint {
      throw complaint
    } catch {
      throw Complaint("the file \(path) cannot be read: it must be a file that belongs to you")
    }
  }

  /// Writes a file of mode 600, whole or not at all.
  static func write(_ bytes: [UInt8], to path: String) throws {
    // A name of its own: another run may write the same file.
    let temporary = "\(path).\(getpid()).new"
    _ = unsafe unlink(temporary)
    let descriptor = unsafe Foundation.open(
      temporary,
      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
      0o600
    )
    guard descriptor >= 0 else {
      throw Complaint("the file \(path) cannot be written: check its folder and the disk")
    }
    var isWritten = true
    var offset = 0
    while offset < bytes.count {
      // SAFETY: the pointer covers the rest of the bytes and does not outlive the call.
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Foundation.write(
          descriptor,
          $0.baseAddress.map { unsafe $0 + offset },
          bytes.count - offset
        )
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        isWritten = false
        break
      }
      offset += count
    }
    isWritten = fsync(descriptor) == 0 && isWritten
    _ = close(descriptor)
    guard isWritten, unsafe rename(temporary, path) == 0 else {
      _ = unsafe unlink(temporary)
      throw Complaint("the file \(path) cannot be written: check its folder and the disk")
    }
    // The new name must survive a power cut too.
    let folder = unsafe Foundation.open(
      URL(filePath: path).deletingLastPathComponent().path,
      O_RDONLY | O_DIRECTORY | O_CLOEXEC
    )
    if folder >= 0 {
      _ = fsync(folder)
      _ = close(folder)
    }
  }

  static func warnIfReadable(_ path: String, _ what: String) {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let mode = attributes?[.posixPermissions] as? Int, mode & 0o077 != 0 else { return }
    Console.complain("warning: others can read the \(what) file \(path); run: chmod 600 \(path)")
  }
}

/// The DTLS session between two runs.
enum SessionFile {
  /// The session in a file; `nil` when there is none yet, or none to be relied on: who makes a session
  /// of his own up is taken for the server without a certificate.
  static func read(_ path: String) throws -> [UInt8]? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    guard let session = try PrivateFile.readOwn(path) else {
      Console.complain(
        "warning: others can change the session file \(path), so it is not used: remove it, or give one "
          + "in a folder of your own"
      )
      return nil
    }
    PrivateFile.warnIfReadable(path, "session")
    return session
  }
}
