// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("The C library and a platform that refuses", .timeLimit(.minutes(10)))
struct DeviceLibraryTests {
  /// Publishes one report and prints the first event that is about it, or about authentication.
  private func run(against platform: StubPlatform) throws -> Finished {
    let scratch = try Scratch()
    let program = #"""
      #include <poll.h>
      #include <stdio.h>
      #include <stdlib.h>
      #include <string.h>
      #include "nbiot_device.h"

      int main(int count, char **arguments) {
        size_t size = nbiot_device_size();
        void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
        nbiot_config config;
        nbiot_device *device;
        nbiot_event event;
        if (count != 3) return 2;
        memset(&config, 0, sizeof config);
        config.product_key = "a1B2c3D4e5F";
        config.device_name = "device1";
        config.device_secret = arguments[2];
        config.state_directory = "state";
        config.host = "127.0.0.1";
        config.port = (uint16_t)atoi(arguments[1]);
        if (nbiot_create(memory, size, &config, &device) != NBIOT_OK) return 3;
        if (nbiot_publish(device, "/a1B2c3D4e5F/device1/user/update", "1", 1, 0, NULL) != NBIOT_OK) return 4;
        for (;;) {
          struct pollfd entry;
          while (nbiot_drive(device, &event) > 0) {
            if (event.kind == NBIOT_AUTHENTICATED) continue;
            printf("%d %d %d %zu %.*s\n", event.kind, event.code, event.answer_extent, event.answer_count,
                   (int)event.answer_count, event.answer ? (const char *)event.answer : "");
            nbiot_destroy(device);
            free(memory);
            return 0;
          }
          entry.fd = nbiot_descriptor(device);
          entry.events = POLLIN;
          poll(&entry, 1, nbiot_timeout(device));
        }
      }

      """#
    try Compiler(scratch: scratch).c(program, to: "device")
    return try scratch.run(["./device", "\(platform.port)", Scratch.secret])
  }

  /// RFC 7252 Section 5.5.2: a diagnostic payload, which a person may read.
  @Test(arguments: [0x83, 0x84, 0xA1] as [UInt8])
  func `a refused report has what the platform says of it`(code: UInt8) throws {
    let words = "no such topic"
    let platform = try StubPlatform { _ in .init(code, [0xFF] + Array(words.utf8)) }
    defer { platform.stop() }
    let run = try run(against: platform)
    #expect(run.status == 0, "\(run.errors)")
    let number = Int(code >> 5) * 100 + Int(code & 0x1F)
    // NBIOT_REJECTED for 4.xx, NBIOT_POSTPONED for 5.xx, which has no answer.
    let isFinal = code < 0xA0
    #expect(
      run.output
        == (isFinal ? "2 \(number) 0 \(words.utf8.count) \(words)\n" : "3 \(number) 0 0 \n")
    )
  }

  @Test func `a refused report without words has no answer`() throws {
    let platform = try StubPlatform { _ in .init(0x83) }
    defer { platform.stop() }
    #expect(try run(against: platform).output == "2 403 0 0 \n")
  }

  @Test func `a refused auth has what the platform says of it`() throws {
    let platform = try StubPlatform(answersAuth: true) { _ in
      .init(0x81, [0xFF] + Array("who is that".utf8))
    }
    defer { platform.stop() }
    #expect(try run(against: platform).output == "5 401 0 11 who is that\n")
  }
}
