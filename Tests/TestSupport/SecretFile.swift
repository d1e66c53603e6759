// SPDX-License-Identifier: Apache-2.0
package import Foundation

/// Writes a secret into a file that only its owner may read, which is what the programs ask for.
package func writeSecret(_ text: String, to file: URL) throws {
  try Data(text.utf8).write(to: file)
  try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
}
