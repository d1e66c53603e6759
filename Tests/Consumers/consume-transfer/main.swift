// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import HTTPSTransfer
import Platform

/// A firmware that the platform has offered, by its digest.
func run() throws {
  let digits = Array("93230c3bde425a9d7984a594ac55ea1e".utf8)
  guard let digest = FirmwareDigest(hexadecimal: digits.span) else { fatalError("32 digits") }
  var download = FirmwareDownload(
    address: "https://firmware.example/1",
    size: 300_001,
    digest: digest,
    to: "firmware.bin"
  )
  download.install = { (path: String) throws(UpgradeFailure) in
    if path.isEmpty { throw UpgradeFailure.burning }
  }
  do throws(FirmwareDownloadError) {
    print(try download.run())
  } catch {
    print(error, error.step)
  }
}

try run()
