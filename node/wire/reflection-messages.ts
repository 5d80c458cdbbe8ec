import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/**
 * The messages of gRPC server reflection, of which v1 and v1alpha have the same. Written by hand: they are few, and
 * generated ones would need a copy of a protocol that is not ours.
 */

/** What a client wants to know. */
export type ReflectionQuestion =
  | { readonly kind: "list-services" }
  | { readonly kind: "file-by-name"; readonly name: string }
  | { readonly kind: "file-of-symbol"; readonly symbol: string }
  /** Extensions, or something newer: we have none. */
  | { readonly kind: "other" };

export interface ReflectionRequest {
  readonly question: ReflectionQuestion;
  /** Sent back as it came. */
  readonly bytes: Uint8Array;
}

export type ReflectionAnswer =
  | { readonly kind: "services"; readonly names: readonly string[] }
  /** Serialised FileDescriptorProtos. */
  | { readonly kind: "files"; readonly files: readonly Uint8Array[] }
  | { readonly kind: "error"; readonly status: number; readonly text: string };

export interface ReflectionResponse {
  readonly request: ReflectionRequest;
  readonly answer: ReflectionAnswer;
}

const REQUEST_FIELD = { fileByName: 3, fileOfSymbol: 4, listServices: 7 } as const;
const RESPONSE_FIELD = { request: 2, files: 4, services: 6, error: 7 } as const;

export function decodeRequest(bytes: Uint8Array): ReflectionRequest {
  const reader = new BinaryReader(bytes);
  let question: ReflectionQuestion = { kind: "other" };
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited) reader.skip(wireType, field);
    else if (field === REQUEST_FIELD.fileByName) question = { kind: "file-by-name", name: reader.string() };
    else if (field === REQUEST_FIELD.fileOfSymbol) question = { kind: "file-of-symbol", symbol: reader.string() };
    else {
      reader.skip(wireType, field);
      if (field === REQUEST_FIELD.listServices) question = { kind: "list-services" };
    }
  }
  return { question, bytes };
}

export function encodeResponse({ request, answer }: ReflectionResponse): Buffer {
  const writer = new BinaryWriter();
  writer.tag(RESPONSE_FIELD.request, WireType.LengthDelimited).bytes(request.bytes);
  switch (answer.kind) {
    case "services":
      writer.tag(RESPONSE_FIELD.services, WireType.LengthDelimited).fork();
      for (const name of answer.names) {
        writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(name).join();
      }
      writer.join();
      break;
    case "files":
      writer.tag(RESPONSE_FIELD.files, WireType.LengthDelimited).fork();
      for (const file of answer.files) writer.tag(1, WireType.LengthDelimited).bytes(file);
      writer.join();
      break;
    case "error":
      writer.tag(RESPONSE_FIELD.error, WireType.LengthDelimited).fork();
      writer.tag(1, WireType.Varint).int32(answer.status).tag(2, WireType.LengthDelimited).string(answer.text).join();
      break;
  }
  return Buffer.from(writer.finish());
}
