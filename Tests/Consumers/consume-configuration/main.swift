// SPDX-License-Identifier: Apache-2.0
import GatewayConfiguration
import PayloadCoding
import PlatformCredentials

/// What is wrong with a file, of whatever kind it is.
func run() {
  do throws(GatewayProblem) {
    print(try GatewayConfiguration(Array("{".utf8)).devices.count)
  } catch {
    switch error.reason {
    case .syntax(let fault):
      let reason: JSONError = fault
      print(reason)
    case .password(let fault):
      let reason: OPCUAPasswordError = fault
      print(reason)
    default: print(error)
    }
  }
}

run()
