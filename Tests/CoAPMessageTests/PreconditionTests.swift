// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

@Suite("Mistakes of a caller's that end the program")
struct PreconditionTests {
  @Test(arguments: [
    ("a writer made longer", "truncate cannot lengthen a writer"),
    ("a writer cut below 0", "truncate cannot lengthen a writer"),
    ("a token's byte behind its end", "a token's index lies within its bytes"),
    ("a token's byte before its start", "a token's index lies within its bytes"),
    ("a block between two places", "a block starts at a multiple of its size"),
    ("a block before the body", "a block starts at a multiple of its size"),
    ("five options changed at once", "at most 4 options are changed at once"),
  ])
  func `what cannot be is a mistake`(mistake: String, words: String) async {
    let result = await #expect(
      processExitsWith: .failure,
      observing: [\.standardErrorContent]
    ) { [mistake = mistake as String] in
      var buffer = [UInt8](repeating: 0xA5, count: 8)
      switch mistake {
      case "a writer made longer":
        var writer = ByteWriter(buffer.mutableSpan)
        writer.truncate(to: 1)
      case "a writer cut below 0":
        var writer = ByteWriter(buffer.mutableSpan)
        writer.truncate(to: -1)
      case "a token's byte behind its end": _ = Token(7)[4]
      case "a token's byte before its start": _ = Token(7)[-1]
      case "a block between two places":
        _ = BlockOption(offset: 100, isMore: false, size: BlockSize(atMost: 64))
      case "a block before the body":
        _ = BlockOption(offset: -64, isMore: false, size: BlockSize(atMost: 64))
      default:
        var changes = OptionChanges()
        for number in [1, 3, 4, 5, 6] as [UInt16] {
          changes.set(OptionNumber(rawValue: number), uint: 1)
        }
      }
    }
    let said = complaint(result?.standardErrorContent)
    #expect(said.contains(words))
  }
}
