// SPDX-License-Identifier: Apache-2.0
import CBORPayload
import PayloadCoding
import Testing

@Suite("Device guide 3 to 6: every example of JSON")
struct GuideExampleTests {
  /// The error of reading all of it, or `nil`.
  private func failure(_ text: String) -> JSONError? {
    let text = bytes(text)
    var reader = JSONReader(text.span)
    do throws(JSONError) {
      while try reader.nextToken() != nil {}
      return nil
    } catch {
      return error
    }
  }

  @Test func `the index has each file once`() {
    let files = GuideExample.all.map { "\($0.section)-\($0.name).txt" }
    #expect(files.count == 88)
    #expect(Set(files).union(["index.json"]) == GuideExample.fileNames)
    #expect(Set(files).count == files.count)
  }

  @Test(arguments: GuideExample.all)
  func `it is read to its end exactly when it is well formed`(example: GuideExample) {
    #expect((failure(example.printed) == nil) == example.isWellFormed)
  }

  @Test(arguments: GuideExample.all.filter { !$0.isWellFormed })
  func `a typo is refused, and read after its correction`(example: GuideExample) {
    for correction in example.corrections ?? [] {
      #expect(example.printed.contains(correction.replace), "\(correction.reason)")
    }
    #expect((failure(example.corrected) != nil) == example.isBeyondCorrection)
  }

  /// Each correction is needed: without any one of them the text stays ill-formed.
  @Test(arguments: GuideExample.all.filter { $0.corrections != nil })
  func `nothing is corrected that is right`(example: GuideExample) throws {
    let corrections = try #require(example.corrections)
    for leftOut in corrections.indices {
      var text = example.printed
      for index in corrections.indices where index != leftOut {
        text = text.replacing(corrections[index].replace, with: corrections[index].with)
      }
      #expect(failure(text) != nil, "\(corrections[leftOut].reason)")
    }
  }

  @Test func `the error channel's sketch alone is no JSON at all`() {
    let keys = GuideExample.all.filter(\.isBeyondCorrection).map(\.key)
    #expect(keys == ["5 error-sketch"])
  }

  @Test(arguments: GuideExample.all.filter { !$0.isBeyondCorrection })
  func `it is produced in either format`(example: GuideExample) throws {
    let expected = example.minified
    let text = bytes(example.corrected)
    var reader = JSONReader(text.span)
    let json = try value(of: &reader)
    #expect(json == expected)
    let cbor = try encoded(example.corrected)
    let back = try transcribed(cbor)
    #expect(back == expected)
    #expect(cbor.count < expected.utf8.count)
  }
}
