import { readFileSync } from "node:fs";

import { createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type MethodDefinition, status as Status } from "@grpc/grpc-js";

import { Failure } from "../base/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { boundRequest, conversation } from "./handlers.ts";
import {
  type ReflectionAnswer,
  type ReflectionQuestion,
  type ReflectionRequest,
  type ReflectionResponse,
  decodeRequest,
  encodeResponse,
} from "./reflection-messages.ts";
import type { Service } from "./service.ts";

/** What Buf made of our protos and of the health protocol's. */
const DESCRIPTOR_SET = new URL("generated/descriptor-set.binpb", import.meta.url);

/** Both versions in use; clients ask for one, then for the other. */
export const REFLECTION_SERVICES = [
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
] as const;

/**
 * Serves the shapes of these services to tools such as `buf curl`. It tells nothing that the protos do not. Reflection
 * itself is not listed: tools that walk the list would ask for its protos, which are not ours to serve.
 */
export function reflectionServices(served: readonly string[], log: Log): readonly Service[] {
  const answerOf = makeAnswers(served.toSorted());
  return REFLECTION_SERVICES.map((name) => ({
    name,
    definition: { serverReflectionInfo: boundRequest(definitionOf(name), REQUEST_BYTES_MAX) },
    implementation: {
      serverReflectionInfo: conversation(log, async function* (requests: AsyncIterable<ReflectionRequest>) {
        for await (const request of requests) yield { request, answer: answerOf(request.question) };
      }),
    },
  }));
}

function definitionOf(service: string): MethodDefinition<ReflectionRequest, ReflectionResponse> {
  return {
    path: `/${service}/ServerReflectionInfo`,
    requestStream: true,
    responseStream: true,
    requestSerialize: ({ bytes }) => Buffer.from(bytes),
    requestDeserialize: decodeRequest,
    responseSerialize: encodeResponse,
    responseDeserialize: () => {
      throw new Failure("not-served", "A node asks nobody for its protos.");
    },
  };
}

type Registry = ReturnType<typeof createFileRegistry>;
type File = NonNullable<ReturnType<Registry["getFile"]>>;

function makeAnswers(names: readonly string[]): (question: ReflectionQuestion) => ReflectionAnswer {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTOR_SET)));
  const files = (file: File | undefined): ReflectionAnswer =>
    file === undefined
      ? { kind: "error", status: Status.NOT_FOUND, text: "Nothing of that name is served here." }
      : {
          kind: "files",
          files: [...withDependencies(file)].map((each) => toBinary(FileDescriptorProtoSchema, each.proto)),
        };
  return (question) => {
    switch (question.kind) {
      case "list-services":
        return { kind: "services", names };
      case "file-by-name":
        return files(registry.getFile(question.name));
      case "file-of-symbol":
        return files(fileOfSymbol(registry, question.symbol));
      case "other":
        return { kind: "error", status: Status.UNIMPLEMENTED, text: "Only services, files and symbols are answered." };
    }
  };
}

/** A symbol may also be a method of a service or a field of a message. */
function fileOfSymbol(registry: Registry, symbol: string): File | undefined {
  const found = registry.get(symbol) ?? registry.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf("."))));
  return found?.file;
}

function withDependencies(file: File, into: Set<File> = new Set()): Set<File> {
  if (into.has(file)) return into;
  for (const dependency of file.dependencies) withDependencies(dependency, into);
  return into.add(file);
}
