// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import DeviceClient
internal import DeviceStore
internal import Foundation

/// The file that keeps the session between two runs.
struct SessionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keep the session here, so that the next run needs no /auth, and resumes over DTLS; for one device and one "
        + "run at a time. nbiot doctor does not use it.",
      valueName: "file"
    ),
    completion: .file()
  )
  var sessionFile: String?

  func validate() throws {
    if sessionFile?.isEmpty == true { throw ValidationError("--session-file needs a name") }
  }

  /// Sets the file's path, following symbolic links, and checks that the file can be created.
  func apply(to configuration: inout DeviceClientConfiguration) throws {
    guard let sessionFile else { return }
    try PrivateFile.checkPlace(sessionFile, "session", replaces: true)
    configuration.sessionFile = PrivateFile.target(of: sessionFile)
  }

  /// The message for a file that cannot be used.
  func complaint(about error: SessionFileError) -> Complaint {
    Complaint("the session file \(sessionFile ?? "") cannot be used: \(error)")
  }

  /// Reports a file whose contents were not usable.
  func tell(of client: DeviceClient) {
    guard let sessionFile, let finding = client.sessionFinding else { return }
    switch finding {
    case .none, .found, .foreign: break
    case .notPrivate:
      Console.complain(
        "warning: others can change the session file \(sessionFile), or read it, so its session is not used; the "
          + "file is yours alone from now on"
      )
    case .damaged(.version):
      Console.complain(
        "warning: the session file \(sessionFile) was written by another version of nbiot: a new session begins"
      )
    case .damaged:
      Console.complain(
        "warning: the session file \(sessionFile) is damaged: a new session begins"
      )
    }
  }

  /// Reports at the end that the DTLS session could not be written.
  func tellFailure(of client: DeviceClient) {
    guard let sessionFile, let failure = client.sessionFileFailure else { return }
    Console.complain(
      "warning: the session file \(sessionFile): \(SessionFileError.store(failure)); the next run makes a whole "
        + "handshake"
    )
  }
}
